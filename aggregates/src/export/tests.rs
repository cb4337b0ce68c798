use cqrs_es::test::TestFramework;
use qafila_schemas::ids::{MerchantId, UserId};
use qafila_schemas::millis::Millis;
use uuid::Uuid;

use super::*;
use crate::Clock;

const NOW: Millis = Millis(5_000);
const DAY: Millis = Millis(86_400_000 + 5_000);

fn export() -> TestFramework<Export> {
    TestFramework::with(Clock::reading(|| NOW))
}

fn merchant() -> MerchantId {
    MerchantId(Uuid::from_u128(1))
}

fn request(report: &str, format: &str) -> ExportCommand {
    ExportCommand::Request(RequestExport {
        merchant_id: merchant(),
        job_id: job_id(merchant(), "key"),
        report_type: report.into(),
        format: format.into(),
        filters: "{}".into(),
        locale: "ar".into(),
        store_id: 5,
        compression: None,
        byte_order_mark: Some(true),
        delimiter: Some(",".into()),
        formula_guard: Some(true),
        personal_data: Some(true),
        mail: None,
        requested_by: Some(UserId(Uuid::from_u128(9))),
    })
}

fn take_over(epoch: i64) -> ExportCommand {
    ExportCommand::TakeOver { epoch, worker: "w".into() }
}

fn complete(epoch: i64, expires_at: Millis) -> ExportCommand {
    let file = StoredFile {
        rows: 3,
        bytes: 120,
        sha256: "ab".into(),
        complete_from: None,
        complete_to: None,
        orders_without_details: None,
    };
    ExportCommand::Complete { epoch, file, expires_at }
}

fn fail(epoch: i64) -> ExportCommand {
    ExportCommand::Fail { epoch, cause: "too_many_rows".into(), advice: "Choose fewer days.".into() }
}

fn revoke() -> ExportCommand {
    ExportCommand::Revoke { requested_by: None }
}

/// The events that these commands make, one after the other.
fn history(commands: Vec<ExportCommand>) -> Vec<ExportEvent> {
    commands.into_iter().fold(vec![], |events, command| {
        let more = export().given(events.clone()).when(command).inspect_result().expect("a valid history");
        events.into_iter().chain(more).collect()
    })
}

fn then(commands: Vec<ExportCommand>, last: ExportCommand) -> Result<Vec<ExportEvent>, ExportError> {
    export().given(history(commands)).when(last).inspect_result()
}

fn asked() -> Vec<ExportCommand> {
    vec![request("orders", "csv")]
}

fn running() -> Vec<ExportCommand> {
    [asked(), vec![take_over(1)]].concat()
}

#[test]
fn only_documented_reports_and_formats_are_made() {
    assert_eq!(then(vec![], request("taxes", "csv")), Err(ExportError::UnknownReport));
    assert_eq!(then(vec![], request("orders", "xls")), Err(ExportError::UnknownFormat));
    let ExportCommand::Request(wanted) = request("orders", "csv") else { panic!("a request") };
    let squeezed = |by: &str| RequestExport { compression: Some(by.into()), ..wanted.clone() };
    assert_eq!(then(vec![], ExportCommand::Request(squeezed("rar"))), Err(ExportError::UnknownCompression));
    let separated = RequestExport { delimiter: Some("|".into()), ..wanted.clone() };
    assert_eq!(then(vec![], ExportCommand::Request(separated)), Err(ExportError::UnknownDelimiter));
    for by in COMPRESSIONS {
        assert!(then(vec![], ExportCommand::Request(squeezed(by))).is_ok());
    }
    for report in REPORTS {
        for format in FORMATS {
            assert_eq!(then(vec![], request(report, format)).map(|events| events.len()), Ok(1));
        }
    }
}

#[test]
fn the_same_key_is_the_same_export_and_no_other() {
    assert_eq!(job_id(merchant(), "a"), job_id(merchant(), "a"));
    assert_ne!(job_id(merchant(), "a"), job_id(merchant(), "b"));
    assert_ne!(job_id(merchant(), "a"), job_id(MerchantId(Uuid::from_u128(2)), "a"));
    assert_eq!(then(asked(), request("orders", "csv")), Ok(vec![]));
    assert_eq!(then(running(), request("orders", "csv")), Ok(vec![]), "whatever became of it");
    assert_eq!(then(asked(), request("orders", "ndjson")), Err(ExportError::AnotherRequest));
}

#[test]
fn who_asked_is_told_by_the_event_that_ends_it() {
    let by = Some(UserId(Uuid::from_u128(9)));
    match then(running(), complete(1, DAY)).expect("completed").as_slice() {
        [ExportEvent::ExportCompleted(e)] => assert_eq!((e.requested_by, e.rows, e.expires_at), (by, 3, DAY)),
        other => panic!("{other:?}"),
    }
    match then(running(), fail(1)).expect("failed").as_slice() {
        [ExportEvent::ExportFailed(e)] => {
            assert_eq!((e.requested_by, e.cause.as_str()), (by, "too_many_rows"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_worker_whose_lease_has_passed_to_another_changes_nothing() {
    let taken = [running(), vec![take_over(2)]].concat();
    let stale = Err(ExportError::StaleEpoch { given: 1, current: 2 });
    assert_eq!(then(taken.clone(), complete(1, DAY)), stale);
    assert_eq!(then(taken.clone(), fail(1)), stale);
    assert_eq!(then(taken.clone(), take_over(1)), stale);
    assert_eq!(then(taken.clone(), take_over(2)), Ok(vec![]), "a repeat");
    assert_eq!(then(taken, complete(2, DAY)).map(|events| events.len()), Ok(1));
    let not_taken = Err(ExportError::StaleEpoch { given: 0, current: 0 });
    assert_eq!(then(asked(), complete(0, DAY)), not_taken, "the first act is to take over");
}

#[test]
fn it_ends_once_and_repeating_the_end_does_nothing() {
    let completed = [running(), vec![complete(1, DAY)]].concat();
    assert_eq!(then(completed.clone(), complete(1, DAY)), Ok(vec![]));
    assert_eq!(then(completed.clone(), fail(1)), Err(ExportError::Ended));
    assert_eq!(then(completed, take_over(2)), Err(ExportError::Ended));
    let failed = [running(), vec![fail(1)]].concat();
    assert_eq!(then(failed.clone(), fail(1)), Ok(vec![]));
    assert_eq!(then(failed, complete(1, DAY)), Err(ExportError::Ended));
}

#[test]
fn it_is_revoked_at_any_time_and_then_no_file_of_it_is_made() {
    for before in [asked(), running(), [running(), vec![complete(1, DAY)]].concat()] {
        let revoked = [before.clone(), vec![revoke()]].concat();
        assert_eq!(then(before, revoke()).map(|events| events.len()), Ok(1));
        assert_eq!(then(revoked.clone(), revoke()), Ok(vec![]));
        assert_eq!(then(revoked.clone(), complete(1, DAY)), Err(ExportError::Ended));
        assert_eq!(then(revoked, take_over(7)), Err(ExportError::Ended));
    }
    assert_eq!(then(vec![], revoke()), Err(ExportError::Unknown));
}

#[test]
fn a_file_expires_when_its_time_is_over_and_not_before() {
    let until = |end| [running(), vec![complete(1, end)]].concat();
    assert_eq!(then(until(DAY), ExportCommand::Expire), Err(ExportError::NotYet));
    assert_eq!(then(until(NOW), ExportCommand::Expire).map(|events| events.len()), Ok(1));
    assert_eq!(then([until(NOW), vec![ExportCommand::Expire]].concat(), ExportCommand::Expire), Ok(vec![]));
    assert_eq!(then(running(), ExportCommand::Expire), Err(ExportError::NoFile));
}
