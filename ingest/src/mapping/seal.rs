//! Sealing: the one place where personal fields stop being readable (ARCHITECTURE §3).

use std::collections::{BTreeSet, HashMap};

use qafila_schemas::ids::MerchantId;
use qafila_schemas::records::observation::Observation;
use qafila_schemas::sealed::{KeyStore, KeyStoreError, Subject, SubjectKey};

use super::Unsealed;

/// Seals the personal fields of a merchant's observations with the keys of their subjects, one look-up a batch.
pub async fn seal_all(
    keys: &dyn KeyStore,
    merchant: MerchantId,
    unsealed: Vec<Unsealed>,
) -> Result<Vec<Observation>, KeyStoreError> {
    let mut unsealed = unsealed;
    let mut subjects = BTreeSet::new();
    for one in &mut unsealed {
        if has_personal(&mut one.observation) {
            subjects.extend(one.subject);
        }
    }
    let subjects: Vec<Subject> = subjects.into_iter().collect();
    let keys =
        if subjects.is_empty() { HashMap::new() } else { keys.keys_for_sealing(merchant, &subjects).await? };
    unsealed.into_iter().map(|u| seal(u, &keys)).collect()
}

fn seal(unsealed: Unsealed, keys: &HashMap<Subject, SubjectKey>) -> Result<Observation, KeyStoreError> {
    let Unsealed { mut observation, subject } = unsealed;
    if !has_personal(&mut observation) {
        return Ok(observation);
    }
    let key = subject.and_then(|subject| keys.get(&subject)).ok_or_else(|| {
        KeyStoreError::Unavailable("the key store left out a key that was asked for".into())
    })?;
    for field in personal(&mut observation) {
        if let Some(plain) = field.as_deref() {
            *field = Some(key.seal(plain));
        }
    }
    Ok(observation)
}

fn has_personal(observation: &mut Observation) -> bool {
    personal(observation).into_iter().any(|field| field.is_some())
}

/// Every field whose schema says `personal`; a test holds this list against the schema.
fn personal(observation: &mut Observation) -> Vec<&mut Option<String>> {
    let mut fields = Vec::new();
    if let Some(order) = &mut observation.order {
        if let Some(d) = &mut order.details {
            fields.extend([&mut d.customer_name, &mut d.customer_phone, &mut d.customer_email]);
            fields.extend([&mut d.receiver_name, &mut d.receiver_phone, &mut d.receiver_email]);
        }
        if let Some(items) = &mut order.items {
            fields.extend(items.lines.iter_mut().map(|line| &mut line.options));
        }
    }
    if let Some(p) = observation.customer.as_mut().and_then(|c| c.profile.as_mut()) {
        fields.extend([&mut p.first_name, &mut p.last_name, &mut p.phone, &mut p.email]);
        fields.extend([&mut p.birthday, &mut p.location]);
    }
    if let Some(c) = observation.cart.as_mut().and_then(|c| c.content.as_mut()) {
        fields.extend([
            &mut c.customer_name,
            &mut c.customer_phone,
            &mut c.customer_email,
            &mut c.checkout_url,
        ]);
    }
    fields
}
