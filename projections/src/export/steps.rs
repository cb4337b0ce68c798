//! The steps of a file that is being made, from the first to the last. Each has a thread of its own for the whole file, and blocks
//! are used again: what one thread of a pool frees of another's, an allocator keeps.

use bytes::{Bytes, BytesMut};
use qafila_schemas::sealed::KeyStoreError;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel};
use tokio::task::{JoinHandle, spawn_blocking};

use super::file::{FileError, PATIENCE};
use super::output::Output;
use super::personal::{BlockKeys, Opener};
use super::report::Column;
use super::rows::Block;

/// Rows are worked on in blocks of about so many bytes.
const BLOCK: usize = 256 << 10;
/// What waits between two steps, at most.
pub(super) const UNDER_WAY: usize = 2;

/// Takes the answer as it comes.
pub(super) async fn fetch(rows: clickhouse::query::Query, to: Sender<Bytes>) -> Result<(), FileError> {
    let mut answer = rows.fetch_bytes("RowBinary")?;
    loop {
        let next = tokio::time::timeout(PATIENCE, answer.next()).await.map_err(|_| FileError::Silent)?;
        let Some(bytes) = next? else { return Ok(()) };
        if to.send(bytes).await.is_err() {
            // The next step has ended, and says why.
            return Ok(());
        }
    }
}

/// Cuts the answer into blocks of whole rows, and finds the keys of what is personal in them.
pub(super) fn cut(
    columns: &[&'static Column],
    mut opener: Option<Opener>,
    mut from: Receiver<Bytes>,
    mut spared: UnboundedReceiver<Block>,
    mut to: InTurn<Sender<Closed>>,
) -> Result<(), FileError> {
    let runtime = Handle::current();
    let mut gathered = BytesMut::with_capacity(2 * BLOCK);
    loop {
        let piece = from.blocking_recv();
        let is_last = piece.is_none();
        gathered.extend_from_slice(&piece.unwrap_or_default());
        if gathered.is_empty() || (gathered.len() < BLOCK && !is_last) {
            if is_last {
                return Ok(());
            }
            continue;
        }
        let bytes = gathered.split().freeze();
        let mut block = spared.try_recv().unwrap_or_default();
        let taken = block.cut(columns, &bytes)?;
        gathered.reserve(2 * BLOCK);
        gathered.extend_from_slice(&bytes[taken..]);
        let keys = match &mut opener {
            Some(opener) => {
                let asking = async { tokio::time::timeout(PATIENCE, opener.keys_of(&block)).await };
                Some(runtime.block_on(asking).map_err(|_| silent())??)
            }
            None => None,
        };
        if to.next().blocking_send((block, keys)).is_err() {
            // As in `fetch`.
            return Ok(());
        }
        if is_last {
            return if gathered.is_empty() { Ok(()) } else { Err(FileError::CutOff) };
        }
    }
}

fn silent() -> KeyStoreError {
    KeyStoreError::Unavailable(format!("it said nothing for {}s", PATIENCE.as_secs()))
}

/// Threads that open blocks, and the way through them.
pub(super) struct Openers {
    pub(super) to: InTurn<Sender<Closed>>,
    pub(super) from: InTurn<Receiver<Block>>,
    /// Where one has panicked, the rows seem to end there.
    pub(super) threads: Vec<JoinHandle<()>>,
}

impl Openers {
    pub(super) fn start(threads: usize) -> Self {
        let mut openers = Self { to: InTurn::default(), from: InTurn::default(), threads: vec![] };
        for _ in 0..threads {
            let (closed, mut closed_received) = channel::<Closed>(UNDER_WAY);
            let (opened, opened_received) = channel(UNDER_WAY);
            openers.to.ends.push(closed);
            openers.from.ends.push(opened_received);
            openers.threads.push(spawn_blocking(move || {
                while let Some((mut block, keys)) = closed_received.blocking_recv() {
                    if let Some(keys) = keys {
                        keys.open(&mut block);
                    }
                    if opened.blocking_send(block).is_err() {
                        return;
                    }
                }
            }));
        }
        openers
    }
}

/// Writes blocks in the file's format, and hands them back to be used again. Gives the file back, to be finished once all rows
/// are known to be in it.
pub(super) fn put_out(
    mut output: Output,
    mut from: InTurn<Receiver<Block>>,
    spare: &UnboundedSender<Block>,
    to: &Sender<Piece>,
) -> Result<Output, FileError> {
    while let Some(block) = from.next().blocking_recv() {
        let piece = Piece { rows: block.rows() as i64, bytes: output.rows(&block)?.into() };
        // Whoever cuts may have ended, and then needs no more.
        let _ = spare.send(block);
        if to.blocking_send(piece).is_err() {
            break;
        }
    }
    Ok(output)
}

/// A part of the file, and how many rows are in it.
pub(super) struct Piece {
    pub(super) rows: i64,
    pub(super) bytes: Bytes,
}

/// A block, and what opens its personal cells, where it has any.
pub(super) type Closed = (Block, Option<BlockKeys>);

/// Ends of channels that are used one after the other, again and again, so that blocks stay in their order.
pub(super) struct InTurn<C> {
    ends: Vec<C>,
    taken: usize,
}

impl<C> Default for InTurn<C> {
    fn default() -> Self {
        Self { ends: vec![], taken: 0 }
    }
}

impl<C> InTurn<C> {
    fn next(&mut self) -> &mut C {
        let place = self.taken % self.ends.len();
        self.taken += 1;
        &mut self.ends[place]
    }
}
