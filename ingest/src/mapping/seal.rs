//! Sealing: the one place where personal fields stop being readable (ARCHITECTURE §3).

use std::collections::{BTreeSet, HashMap, HashSet};

use qafila_schemas::ids::MerchantId;
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::Observation;
use qafila_schemas::sealed::{Contact, KeyStore, KeyStoreError, Subject, SubjectKey};

use super::Unsealed;
use super::phones::is_e164;

/// Observations of which some may have no key to seal them with.
#[derive(Debug, Default)]
pub struct Sealed {
    /// Sealed, in the order given.
    pub observations: Vec<Observation>,
    /// Those whose subject's key is damaged: they are lost until it is restored.
    pub unsealable: Vec<Unsealable>,
}

/// An entity whose personal fields cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unsealable {
    /// Entity.
    pub entity: Entity,
    /// Salla's id.
    pub salla_id: i64,
}

/// Code of the dead letter of one that cannot be sealed.
pub const UNSEALABLE: &str = "unsealable";
/// Why, for a person.
pub const KEY_IS_DAMAGED: &str = "the stored key of its person is damaged: restore it from a backup";

/// Seals the personal fields of a merchant's observations with the keys of their subjects, one look-up a batch.
pub async fn seal_all(
    store: &dyn KeyStore,
    merchant: MerchantId,
    unsealed: Vec<Unsealed>,
) -> Result<Sealed, KeyStoreError> {
    let mut unsealed = unsealed;
    let mut subjects = BTreeSet::new();
    for one in &mut unsealed {
        if has_personal(&mut one.observation) {
            subjects.extend(one.subject());
        }
    }
    let subjects: Vec<Subject> = subjects.into_iter().collect();
    let (keys, damaged) = keys_of(store, merchant, subjects).await?;
    let (lost, unsealed): (Vec<_>, Vec<_>) =
        unsealed.into_iter().partition(|one| one.subject().is_some_and(|subject| damaged.contains(&subject)));
    let contacts: Vec<(i64, Contact)> = unsealed.iter().flat_map(|one| contacts(one, &keys)).collect();
    if !contacts.is_empty() {
        store.remember(merchant, &contacts).await?;
    }
    let observations = unsealed.into_iter().map(|u| seal(u, &keys)).collect::<Result<_, _>>()?;
    let unsealable = lost.iter().map(Unsealed::named);
    Ok(Sealed { observations, unsealable: unsealable.collect() })
}

/// The keys of `subjects`, and those whose keys are damaged.
async fn keys_of(
    store: &dyn KeyStore,
    merchant: MerchantId,
    mut subjects: Vec<Subject>,
) -> Result<(HashMap<Subject, SubjectKey>, HashSet<Subject>), KeyStoreError> {
    if subjects.is_empty() {
        return Ok(Default::default());
    }
    match store.keys_for_sealing(merchant, &subjects).await {
        Err(KeyStoreError::Damaged(damaged)) => {
            let damaged: HashSet<Subject> = damaged.into_iter().collect();
            subjects.retain(|subject| !damaged.contains(subject));
            Ok((store.keys_for_sealing(merchant, &subjects).await?, damaged))
        }
        keys => Ok((keys?, HashSet::new())),
    }
}

/// What the customer of an observation is looked up by. A phone that is no number of a country claims nobody.
fn contacts(unsealed: &Unsealed, keys: &HashMap<Subject, SubjectKey>) -> Vec<(i64, Contact)> {
    let observation = &unsealed.observation;
    let (customer, order) = (observation.customer.as_ref(), observation.order.as_ref());
    let emails = [customer.map(|c| &c.email), order.map(|o| &o.customer_email)];
    let phones = [customer.map(|c| &c.phone), order.map(|o| &o.customer_phone)];
    let emails = emails.into_iter().flatten().flatten().map(|text| Contact::email(text));
    let phones =
        phones.into_iter().flatten().flatten().filter(|text| is_e164(text)).cloned().map(Contact::Phone);
    let names =
        customer.iter().flat_map(|c| [&c.first_name, &c.last_name]).chain(order.map(|o| &o.customer_name));
    let words = names.flatten().flat_map(|name| Contact::name_words(name));
    let all = emails.chain(phones).chain(words);
    let key = unsealed.subject().and_then(|subject| keys.get(&subject)?.live_id());
    key.map_or_else(Vec::new, |key| all.map(|contact| (key, contact)).collect())
}

fn seal(unsealed: Unsealed, keys: &HashMap<Subject, SubjectKey>) -> Result<Observation, KeyStoreError> {
    let subject = unsealed.subject();
    let mut observation = unsealed.observation;
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
    if let Some(o) = &mut observation.order {
        fields.extend([&mut o.customer_name, &mut o.customer_phone, &mut o.customer_email]);
        fields.extend([&mut o.receiver_name, &mut o.receiver_phone, &mut o.receiver_email]);
        fields.extend(o.lines.iter_mut().flatten().map(|line| &mut line.options));
    }
    if let Some(c) = &mut observation.customer {
        fields.extend([&mut c.first_name, &mut c.last_name, &mut c.phone, &mut c.email]);
        fields.extend([&mut c.birthday, &mut c.location]);
    }
    if let Some(c) = &mut observation.cart {
        fields.extend([&mut c.customer_name, &mut c.customer_phone, &mut c.customer_email]);
        fields.push(&mut c.checkout_url);
    }
    fields
}
