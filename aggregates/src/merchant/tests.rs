use cqrs_es::test::TestFramework;
use qafila_schemas::ids::{ConnectionId, MerchantId, UserId};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::merchant::{
    AccessRestored, MerchantRegistered, MerchantRenamed, ReauthorisationNeeded, StoreConnected,
    StoreDisconnected,
};
use uuid::Uuid;

use super::*;
use crate::Clock;

const MERCHANT: MerchantId = MerchantId(Uuid::from_u128(1));
const USER: UserId = UserId(Uuid::from_u128(2));
const NOW: Millis = Millis(1_000);

fn merchant() -> TestFramework<Merchant> {
    TestFramework::with(Clock::reading(|| NOW))
}

fn connection(n: u128) -> ConnectionId {
    ConnectionId(Uuid::from_u128(100 + n))
}

fn register(user_id: UserId) -> MerchantCommand {
    MerchantCommand::Register {
        merchant_id: MERCHANT,
        user_id,
        store_name: "متجر".into(),
        locale: "ar".into(),
    }
}

fn registered() -> MerchantEvent {
    MerchantEvent::MerchantRegistered(MerchantRegistered {
        merchant_id: MERCHANT,
        store_name: "متجر".into(),
        locale: "ar".into(),
        registered_by: USER,
        registered_at: NOW,
    })
}

fn connect(n: u128) -> MerchantCommand {
    let store = StoreDetails {
        store_id: 7,
        name: "Salla".into(),
        domain: None,
        plan: Some("pro".into()),
        scopes: vec![],
    };
    MerchantCommand::ConnectStore { connection_id: connection(n), store, requested_by: Some(USER) }
}

fn connected(n: u128) -> MerchantEvent {
    MerchantEvent::StoreConnected(StoreConnected {
        merchant_id: MERCHANT,
        connection_id: connection(n),
        store_id: 7,
        store_name: "Salla".into(),
        store_domain: None,
        store_plan: Some("pro".into()),
        scopes: vec![],
        requested_by: Some(USER),
        connected_at: NOW,
    })
}

fn disconnect(n: u128) -> MerchantCommand {
    MerchantCommand::DisconnectStore {
        connection_id: connection(n),
        reason: "requested".into(),
        requested_by: Some(USER),
    }
}

fn disconnected(n: u128, reason: &str) -> MerchantEvent {
    MerchantEvent::StoreDisconnected(StoreDisconnected {
        merchant_id: MERCHANT,
        connection_id: connection(n),
        store_id: 7,
        reason: reason.into(),
        requested_by: Some(USER),
        disconnected_at: NOW,
    })
}

#[test]
fn a_merchant_is_registered_once_and_repeating_the_request_changes_nothing() {
    merchant().given_no_previous_events().when(register(USER)).then_expect_events(vec![registered()]);
    merchant().given(vec![registered()]).when(register(USER)).then_expect_events(vec![]);
}

#[test]
fn another_user_cannot_register_the_same_merchant() {
    merchant()
        .given(vec![registered()])
        .when(register(UserId(Uuid::from_u128(3))))
        .then_expect_error(MerchantError::RegisteredByAnother);
}

#[test]
fn nothing_can_be_asked_of_a_merchant_that_is_not_registered() {
    for command in
        [connect(1), disconnect(1), MerchantCommand::Rename { store_name: "x".into(), requested_by: USER }]
    {
        merchant().given_no_previous_events().when(command).then_expect_error(MerchantError::NotRegistered);
    }
}

#[test]
fn connecting_again_ends_the_older_connection_first() {
    merchant().given(vec![registered()]).when(connect(1)).then_expect_events(vec![connected(1)]);
    merchant()
        .given(vec![registered(), connected(1)])
        .when(connect(2))
        .then_expect_events(vec![disconnected(1, "replaced"), connected(2)]);
    merchant().given(vec![registered(), connected(1)]).when(connect(1)).then_expect_events(vec![]);
}

#[test]
fn only_the_present_connection_can_be_ended() {
    merchant()
        .given(vec![registered(), connected(1)])
        .when(disconnect(1))
        .then_expect_events(vec![disconnected(1, "requested")]);
    merchant()
        .given(vec![registered(), connected(1), disconnected(1, "replaced"), connected(2)])
        .when(disconnect(1))
        .then_expect_events(vec![]);
}

#[test]
fn renaming_to_the_same_name_is_no_event() {
    let rename = |name: &str| MerchantCommand::Rename { store_name: name.into(), requested_by: USER };
    merchant().given(vec![registered()]).when(rename("متجر")).then_expect_events(vec![]);
    merchant().given(vec![registered()]).when(rename("جديد")).then_expect_events(vec![
        MerchantEvent::MerchantRenamed(MerchantRenamed {
            merchant_id: MERCHANT,
            store_name: "جديد".into(),
            requested_by: Some(USER),
            renamed_at: NOW,
        }),
    ]);
}

fn report_lost(n: u128, generation: i64) -> MerchantCommand {
    MerchantCommand::ReportAccessLost {
        connection_id: connection(n),
        generation,
        cause: "refresh_answer_lost".into(),
        advice: "Connect again.".into(),
    }
}

fn access_lost(generation: i64) -> MerchantEvent {
    MerchantEvent::ReauthorisationNeeded(ReauthorisationNeeded {
        merchant_id: MERCHANT,
        connection_id: connection(1),
        store_id: 7,
        generation,
        cause: "refresh_answer_lost".into(),
        advice: "Connect again.".into(),
        needed_at: NOW,
    })
}

#[test]
fn lost_access_is_told_once_for_each_pair_of_tokens_of_the_present_connection() {
    let connected = vec![registered(), connected(1)];
    merchant().given(connected.clone()).when(report_lost(1, 3)).then_expect_events(vec![access_lost(3)]);
    merchant().given(connected.clone()).when(report_lost(2, 3)).then_expect_events(vec![]);
    let told: Vec<_> = connected.into_iter().chain([access_lost(3)]).collect();
    merchant().given(told.clone()).when(report_lost(1, 3)).then_expect_events(vec![]);
    merchant().given(told).when(report_lost(1, 4)).then_expect_events(vec![access_lost(4)]);
}

#[test]
fn restored_access_is_told_once() {
    let restore = MerchantCommand::RestoreAccess {
        connection_id: connection(1),
        generation: 4,
        store: StoreDetails {
            store_id: 7,
            name: "متجر".into(),
            domain: None,
            plan: Some("pro".into()),
            scopes: vec![],
        },
        requested_by: Some(USER),
    };
    let restored = MerchantEvent::AccessRestored(AccessRestored {
        merchant_id: MERCHANT,
        connection_id: connection(1),
        store_id: 7,
        generation: 4,
        store_plan: Some("pro".into()),
        scopes: vec![],
        requested_by: Some(USER),
        restored_at: NOW,
    });
    let lost = vec![registered(), connected(1), access_lost(3)];
    merchant().given(lost.clone()).when(restore.clone()).then_expect_events(vec![restored.clone()]);
    let told: Vec<_> = lost.into_iter().chain([restored]).collect();
    merchant().given(told.clone()).when(restore).then_expect_events(vec![]);
    // A report that was on its way while the merchant authorised us again.
    merchant().given(told).when(report_lost(1, 3)).then_expect_events(vec![]);
}
