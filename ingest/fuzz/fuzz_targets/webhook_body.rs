//! Whatever bytes a webhook has, mapping it ends without a panic. The samples are a good corpus:
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run webhook_body fuzz/corpus ../deploy/local/salla-sim/samples` in `ingest/`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qafila_ingest::mapping::Owner;
use qafila_ingest::mapping::market::Market;
use qafila_ingest::mapping::webhooks::app::app_event;
use qafila_ingest::mapping::webhooks::{Envelope, Topic, observe, topic};
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;

fuzz_target!(|bytes: &[u8]| {
    let Ok(body) = std::str::from_utf8(bytes) else { return };
    let Ok(envelope) = Envelope::read(body) else { return };
    let (merchant_id, connection_id) = (MerchantId::default(), ConnectionId::default());
    let owner = Owner { merchant_id, connection_id, store_id: 1, market: Market::default() };
    match topic(&envelope.event) {
        Topic::Entity(what) => drop(observe(what, &envelope, owner, Millis(1_700_000_000_000))),
        Topic::App => drop(app_event(&envelope.event, &envelope.data, chrono::Utc::now())),
        Topic::Unused => {}
    }
});
