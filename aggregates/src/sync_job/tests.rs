use chrono::NaiveDate;
use cqrs_es::test::TestFramework;
use qafila_schemas::ids::{ConnectionId, MerchantId, RunId};
use qafila_schemas::millis::Millis;
use uuid::Uuid;

use super::*;
use crate::Clock;

const NOW: Millis = Millis(5_000);

fn job() -> TestFramework<SyncJob> {
    TestFramework::with(Clock::reading(|| NOW))
}

fn run(n: u128) -> RunId {
    RunId(Uuid::from_u128(n))
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day of the test")
}

fn start(n: u128, depth_in_months: i32, today: &str) -> SyncJobCommand {
    SyncJobCommand::Start(StartRun {
        merchant_id: MerchantId(Uuid::from_u128(1)),
        connection_id: ConnectionId(Uuid::from_u128(2)),
        store_id: 7,
        run_id: run(n),
        depth_in_months,
        today: day(today),
        requested_by: None,
    })
}

fn lease(n: u128, epoch: i64) -> Lease {
    Lease { run_id: run(n), epoch }
}

fn take_over(n: u128, epoch: i64) -> SyncJobCommand {
    SyncJobCommand::TakeOver { lease: lease(n, epoch), worker: "w".into(), goes_on: true }
}

/// A worker tries a run that has got no further the last time.
fn try_again(epoch: i64) -> SyncJobCommand {
    SyncJobCommand::TakeOver { lease: lease(1, epoch), worker: "w".into(), goes_on: false }
}

fn pause(epoch: i64, cause: &str) -> SyncJobCommand {
    SyncJobCommand::Pause { lease: lease(1, epoch), cause: cause.into(), advice: None, until: None }
}

fn slice(epoch: i64, name: &str) -> SyncJobCommand {
    let report =
        SliceReport { resource: "orders".into(), slice: name.into(), total: 10, imported: 9, skipped: 1 };
    SyncJobCommand::ReportSlice { lease: lease(1, epoch), report }
}

fn complete(n: u128, epoch: i64) -> SyncJobCommand {
    SyncJobCommand::Complete { lease: lease(n, epoch), hydrated: 10, hydration_skipped: 1 }
}

fn fail(epoch: i64) -> SyncJobCommand {
    SyncJobCommand::Fail { lease: lease(1, epoch), cause: "salla_unavailable".into(), advice: "wait".into() }
}

/// The events that these commands make, one after the other.
fn history(commands: Vec<SyncJobCommand>) -> Vec<SyncJobEvent> {
    commands.into_iter().fold(vec![], |events, command| {
        let more = job().given(events.clone()).when(command).inspect_result().expect("a valid history");
        events.into_iter().chain(more).collect()
    })
}

fn then(commands: Vec<SyncJobCommand>, last: SyncJobCommand) -> Result<Vec<SyncJobEvent>, SyncJobError> {
    job().given(history(commands)).when(last).inspect_result()
}

fn window(event: &SyncJobEvent) -> (NaiveDate, NaiveDate) {
    match event {
        SyncJobEvent::SyncRequested(e) => (e.from_day, e.until_day),
        other => panic!("not a request: {other:?}"),
    }
}

#[test]
fn only_12_and_24_months_are_offered() {
    for depth in [0, 6, 13, -12, 25] {
        assert_eq!(then(vec![], start(1, depth, "2026-11-21")), Err(SyncJobError::UnknownDepth));
    }
    let events = then(vec![], start(1, 24, "2026-11-21")).expect("started");
    assert_eq!(window(&events[0]), (day("2024-11-21"), day("2026-11-21")));
}

#[test]
fn a_second_run_starts_only_after_the_first_has_ended() {
    let first = start(1, 12, "2026-11-21");
    assert_eq!(then(vec![first.clone()], start(2, 12, "2026-11-21")), Err(SyncJobError::AlreadyRunning));
    assert_eq!(then(vec![first.clone()], first.clone()), Ok(vec![]), "the same request again is no event");
    assert!(then(vec![first.clone(), take_over(1, 1), fail(1)], start(2, 12, "2026-11-21")).is_ok());
    let cancel = SyncJobCommand::Cancel { requested_by: None };
    assert!(then(vec![first, cancel], start(2, 12, "2026-11-21")).is_ok());
}

#[test]
fn a_larger_depth_reads_only_what_is_missing_but_leaves_no_day_out() {
    let done = vec![start(1, 12, "2026-11-21"), take_over(1, 1), complete(1, 1)];
    let deeper = then(done.clone(), start(2, 24, "2026-11-21")).expect("started");
    assert_eq!(window(&deeper[0]), (day("2024-11-21"), day("2025-11-21")));
    let later = then(done.clone(), start(2, 24, "2026-11-25")).expect("started");
    assert_eq!(window(&later[0]), (day("2024-11-25"), day("2026-11-25")), "both ends are missing");
    let again = then(done, start(2, 12, "2026-11-25")).expect("started");
    assert_eq!(window(&again[0]), (day("2026-11-21"), day("2026-11-25")));
}

#[test]
fn a_worker_with_a_stale_epoch_is_refused_whatever_it_asks() {
    let taken = vec![start(1, 12, "2026-11-21"), take_over(1, 1), take_over(1, 3)];
    let stale = SyncJobError::StaleEpoch { given: 1, current: 3 };
    for command in [slice(1, "2026-01"), complete(1, 1), fail(1), take_over(1, 1), pause(1, "x")] {
        assert_eq!(then(taken.clone(), command), Err(stale.clone()));
    }
    assert!(then(taken, slice(3, "2026-01")).is_ok());
}

#[test]
fn a_worker_must_take_over_before_it_acts_and_only_the_present_run() {
    let started = vec![start(1, 12, "2026-11-21")];
    assert_eq!(
        then(started.clone(), slice(1, "2026-01")),
        Err(SyncJobError::StaleEpoch { given: 1, current: 0 })
    );
    assert_eq!(then(started, take_over(9, 1)), Err(SyncJobError::AnotherRun));
    assert_eq!(then(vec![], take_over(1, 1)), Err(SyncJobError::NotRunning));
}

#[test]
fn repeating_a_command_that_happened_appends_nothing() {
    let base = vec![start(1, 12, "2026-11-21"), take_over(1, 1)];
    let with = |command: SyncJobCommand| [base.clone(), vec![command]].concat();
    assert_eq!(then(base.clone(), take_over(1, 1)), Ok(vec![]));
    assert_eq!(then(with(slice(1, "2026-01")), slice(1, "2026-01")), Ok(vec![]));
    assert_eq!(then(with(complete(1, 1)), complete(1, 1)), Ok(vec![]));
    assert_eq!(then(with(fail(1)), fail(1)), Ok(vec![]));
}

#[test]
fn completion_adds_up_the_slices() {
    let base = vec![start(1, 12, "2026-11-21"), take_over(1, 1), slice(1, "2026-01"), slice(1, "2026-02")];
    match then(base, complete(1, 1)).expect("completed").as_slice() {
        [SyncJobEvent::SyncCompleted(e)] => assert_eq!((e.orders, e.customers, e.skipped), (18, 0, 2)),
        other => panic!("not a completion: {other:?}"),
    }
}

#[test]
fn a_failed_run_is_resumed_and_a_completed_one_is_not() {
    let base = vec![start(1, 12, "2026-11-21"), take_over(1, 1)];
    let restart = SyncJobCommand::Restart { requested_by: None };
    let failed = [base.clone(), vec![fail(1)]].concat();
    assert!(matches!(then(failed.clone(), restart.clone()).as_deref(), Ok([SyncJobEvent::SyncResumed(_)])));
    let resumed = [failed, vec![restart.clone()]].concat();
    assert!(then(resumed, take_over(1, 2)).is_ok(), "a worker takes it again");
    let completed = [base, vec![complete(1, 1)]].concat();
    assert_eq!(then(completed, restart), Err(SyncJobError::NotResumable));
}

#[test]
fn a_cancelled_run_takes_no_more_work() {
    let cancel = SyncJobCommand::Cancel { requested_by: None };
    let cancelled = vec![start(1, 12, "2026-11-21"), take_over(1, 1), cancel.clone()];
    assert_eq!(then(cancelled.clone(), slice(1, "2026-01")), Err(SyncJobError::NotRunning));
    assert_eq!(then(cancelled, cancel.clone()), Ok(vec![]));
    assert_eq!(then(vec![], cancel), Err(SyncJobError::NotRunning));
}

#[test]
fn a_run_that_is_tried_in_vain_stays_paused_and_its_stream_does_not_grow() {
    let paused = [start(1, 12, "2026-11-21"), take_over(1, 1), pause(1, "source_disagrees")];
    let tries = (2..100).flat_map(|epoch| [try_again(epoch), pause(epoch, "source_disagrees")]);
    let history = history(paused.iter().cloned().chain(tries).collect());
    assert_eq!(history.len(), 3, "{history:?}");
}

#[test]
fn a_paused_run_tells_another_reason_and_that_it_goes_on() {
    let paused = vec![start(1, 12, "2026-11-21"), take_over(1, 1), pause(1, "source_disagrees")];
    let another = then(paused.clone(), pause(4, "internal_trouble")).expect("told");
    assert!(matches!(another.as_slice(), [SyncJobEvent::SyncPaused(e)] if e.epoch == 4));
    let told = [paused.clone(), vec![pause(4, "internal_trouble")]].concat();
    assert_eq!(
        then(told, pause(3, "source_disagrees")),
        Err(SyncJobError::StaleEpoch { given: 3, current: 4 })
    );
    let goes_on = then(paused.clone(), take_over(1, 5)).expect("told");
    assert!(matches!(goes_on.as_slice(), [SyncJobEvent::SyncTakenOver(e)] if e.epoch == 5));
    let running = [paused, vec![take_over(1, 5)]].concat();
    assert!(matches!(
        then(running, pause(5, "source_disagrees")).as_deref(),
        Ok([SyncJobEvent::SyncPaused(_)])
    ));
}

#[test]
fn a_slice_that_is_read_again_while_a_run_waits_is_told_and_ends_no_wait() {
    let waits = vec![start(1, 12, "2026-11-21"), take_over(1, 1), pause(1, "source_disagrees")];
    let tried = [waits, vec![try_again(2), slice(2, "2026-01")]].concat();
    let events = history(tried.clone());
    assert!(matches!(events.last(), Some(SyncJobEvent::SliceImported(e)) if e.epoch == 2), "{events:?}");
    assert_eq!(then(tried.clone(), pause(2, "source_disagrees")), Ok(vec![]), "it waits for the same reason");
    let went_on = then(tried, take_over(1, 2)).expect("taken over");
    assert!(matches!(went_on.as_slice(), [SyncJobEvent::SyncTakenOver(_)]), "{went_on:?}");
}

#[test]
fn a_run_that_is_resumed_is_nobodys_until_it_is_taken_over() {
    let failed = vec![start(1, 12, "2026-11-21"), take_over(1, 1), fail(1)];
    let resumed = [failed, vec![SyncJobCommand::Restart { requested_by: None }]].concat();
    let job = history(resumed).into_iter().fold(SyncJob::default(), |mut job, event| {
        cqrs_es::Aggregate::apply(&mut job, event);
        job
    });
    assert_eq!(job.status(), SyncStatus::Requested);
}
