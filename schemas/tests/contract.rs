//! The released contract: every record type equals its schema, and bytes keep what they were given.

use apache_avro::Schema;
use qafila_schemas::amount::Amount;
use qafila_schemas::catalogue::TOPICS;
use qafila_schemas::codec::{CodecError, Decoder, Encoder, WriterSchemas, split_header};
use qafila_schemas::ids::{ConnectionId, JobId, MerchantId, RunId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::fact::{ObservedFields, OrderFact};
use qafila_schemas::records::observation::{Observation, OrderLine, OrderObservation};
use qafila_schemas::records::sync::{SyncPhase, SyncProgress};

fn amount(text: &str) -> Amount {
    text.parse().expect("an amount of the test")
}

fn line() -> OrderLine {
    OrderLine {
        line_id: Some(365_435_777),
        product_id: None,
        product_found_by: None,
        name: Some("فستان".into()),
        sku: Some("sam-ssd-256g".into()),
        quantity: Some(Amount::whole(3)),
        unit_price: Some(amount("-0.0001")),
        discount: Some(amount("99999999999999.9999")),
        tax: Some(amount("22.5")),
        total: None,
        options: Some("pii:1:7:erased".into()),
    }
}

fn order_fact() -> OrderFact {
    OrderFact {
        merchant_id: MerchantId::generate(),
        order_id: 1_017_120_475,
        revision: 42,
        connection_id: ConnectionId::generate(),
        store_id: 1_305_146_709,
        reference_id: Some(40_497_536),
        created_at: Millis(1_655_380_100_000),
        created_at_from: Some("list".into()),
        payment_method: Some("mada".into()),
        status_id: Some(566_146_469),
        status_slug: Some("under_review".into()),
        status_name: Some("بإنتظار المراجعة".into()),
        custom_status_name: None,
        is_pending_payment: Some(false),
        total: Some(amount("302.5")),
        currency: Some("SAR".into()),
        sub_total: None,
        shipping_cost: Some(Amount::ZERO),
        cash_on_delivery: None,
        tax: None,
        discount: None,
        customer_id: None,
        channel: None,
        customer_name: None,
        customer_phone: None,
        customer_email: None,
        receiver_name: None,
        receiver_phone: None,
        receiver_email: None,
        city: Some("الرياض".into()),
        country_code: Some("SA".into()),
        exchange_rate: Some("SAR:USD:0.266592".into()),
        admin_url: Some("https://s.salla.sa/orders/order/wRK4mBzAZN081Ybb".into()),
        salla_updated_at: None,
        lines_complete: true,
        lines: vec![line(), line()],
        unreadable: vec!["/total".into()],
        observed: vec![ObservedFields {
            observed_at: Millis(1),
            source: Source::List,
            fields: vec!["total".into(), "currency".into()],
        }],
    }
}

fn observation() -> Observation {
    Observation {
        merchant_id: MerchantId::generate(),
        connection_id: ConnectionId::generate(),
        store_id: 7,
        entity: Entity::Order,
        salla_id: 9,
        kind: Kind::Seen,
        source: Source::List,
        observed_at: Millis(-1),
        order: Some(Box::new(OrderObservation {
            reference_id: Some(1),
            created_at: Some(Millis(0)),
            payment_method: Some("cod".into()),
            status_slug: Some("completed".into()),
            total: Some(amount("0.0001")),
            currency: Some("SAR".into()),
            lines: Some(vec![line()]),
            ..OrderObservation::default()
        })),
        customer: None,
        product: None,
        cart: None,
        empty: vec!["custom_status_name".into()],
        assumed: vec!["currency".into()],
        unreadable: vec![],
    }
}

fn round_trip<T: AvroRecord + PartialEq + std::fmt::Debug>(record: &T) {
    let schemas = WriterSchemas::default();
    schemas.learn(9, T::SCHEMA).expect("a valid schema");
    let bytes = Encoder::<T>::new(9).and_then(|e| e.encode_to_vec(record)).expect("encodes");
    assert_eq!(split_header(&bytes).expect("a header").0, 9);
    let mut decoder = Decoder::<T>::new(schemas).expect("a decoder");
    assert_eq!(decoder.decode(&bytes).expect("decodes").as_ref(), Some(record));
}

#[test]
fn money_text_times_and_lines_survive_avro_unchanged() {
    round_trip(&order_fact());
    round_trip(&observation());
    round_trip(&SyncProgress {
        merchant_id: MerchantId::generate(),
        job_id: JobId::default(),
        run_id: RunId::default(),
        epoch: 3,
        phases: vec![SyncPhase {
            name: "list".into(),
            resource: "orders".into(),
            done: 1,
            total: None,
            skipped: 0,
        }],
        calls_done: Some(12),
        calls_total: None,
        rate_per_minute: 120.5,
        eta_seconds: Some(60),
        paused_until: None,
        reported_at: Millis(5),
    });
}

#[test]
fn every_schema_of_the_catalogue_is_valid_and_named_as_its_record() {
    for topic in TOPICS {
        for record in topic.records {
            let schema = Schema::parse_str(record.schema).expect("valid Avro");
            let name = schema.name().expect("a record").clone();
            assert_eq!(name.fullname(None), record.full_name, "{}", topic.name);
            assert_eq!(name.name().to_string(), record.name);
        }
    }
}

#[test]
fn a_record_of_another_kind_or_with_damaged_bytes_is_refused() {
    let schemas = WriterSchemas::default();
    schemas.learn(1, OrderFact::SCHEMA).expect("a valid schema");
    let bytes = Encoder::<OrderFact>::new(1).and_then(|e| e.encode_to_vec(&order_fact())).expect("encodes");
    let mut wrong = Decoder::<Observation>::new(schemas.clone()).expect("a decoder");
    assert!(matches!(wrong.decode(&bytes), Err(CodecError::WrongRecord { .. })));
    let mut right = Decoder::<OrderFact>::new(schemas).expect("a decoder");
    assert!(matches!(right.decode(&bytes[..bytes.len() - 3]), Err(CodecError::Decode { .. })));
    assert!(matches!(right.decode(&[bytes.as_slice(), b"x"].concat()), Err(CodecError::Trailing { .. })));
    assert!(matches!(right.decode(b"{}"), Err(CodecError::NoHeader)));
    assert!(
        matches!(right.decode(&[0, 0, 0, 0, 2, 0]), Ok(None)),
        "an unknown schema is fetched, not refused"
    );
}

#[test]
fn bytes_of_an_older_schema_are_read_and_new_fields_take_their_defaults() {
    #[derive(serde::Serialize)]
    struct Older {
        observed_at: Millis,
        source: String,
    }
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Newer {
        observed_at: Millis,
        source: String,
        #[serde(default)]
        price: Option<Amount>,
        #[serde(default)]
        groups: Vec<i64>,
    }
    impl AvroRecord for Newer {
        const NAME: &'static str = "Stamp";
        const SCHEMA: &'static str = r#"{"type":"record","name":"Stamp","fields":[
            {"name":"observed_at","type":{"type":"long","logicalType":"timestamp-millis"}},
            {"name":"source","type":"string"},
            {"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}],"default":null},
            {"name":"groups","type":{"type":"array","items":"long"},"default":[]}]}"#;
    }
    let older = r#"{"type":"record","name":"Stamp","fields":[
        {"name":"observed_at","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"source","type":"string"}]}"#;
    let schema = Schema::parse_str(older).expect("valid Avro");
    let datum = apache_avro::writer::datum::GenericDatumWriter::builder(&schema)
        .build()
        .and_then(|w| w.write_ser_to_vec(&Older { observed_at: Millis(5), source: "list".into() }))
        .expect("encodes");
    let schemas = WriterSchemas::default();
    schemas.learn(2, older).expect("learnt");
    let read = Decoder::<Newer>::new(schemas)
        .expect("a decoder")
        .decode(&[[0, 0, 0, 0, 2].as_slice(), &datum].concat());
    let wanted = Newer { observed_at: Millis(5), source: "list".into(), price: None, groups: vec![] };
    assert_eq!(read.expect("decodes"), Some(wanted));
}

#[test]
fn encoding_into_a_reused_buffer_allocates_nothing() {
    let encoder = Encoder::<OrderFact>::new(1).expect("an encoder");
    let (record, mut buffer) = (order_fact(), Vec::new());
    encoder.encode(&record, &mut buffer).expect("encodes");
    let allocations = allocation_counter::measure(|| {
        for _ in 0..100 {
            encoder.encode(&record, &mut buffer).expect("encodes");
        }
    });
    assert_eq!(allocations.count_total, 0);
}
