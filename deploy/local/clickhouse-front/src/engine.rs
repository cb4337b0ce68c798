//! The engine: libchdb's C interface, made safe.
//!
//! A connection runs one statement at a time, so each is lent to one caller; several run in parallel. Handles
//! are never null by the library's contract; errors are read from them. What an address points to is copied
//! before the handle that owns it is destroyed.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use libloading::Library;

type Handle = *mut c_void;
type QueryFn = unsafe extern "C" fn(Handle, *const c_char, usize, *const c_char, usize) -> Handle;

/// The C functions we use.
struct Functions {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle,
    close: unsafe extern "C" fn(*mut Handle),
    query: QueryFn,
    stream_query: QueryFn,
    stream_fetch: unsafe extern "C" fn(Handle, Handle) -> Handle,
    stream_cancel: unsafe extern "C" fn(Handle, Handle),
    stream_insert: QueryFn,
    stream_append: unsafe extern "C" fn(Handle, *const c_void, usize) -> c_int,
    stream_done: unsafe extern "C" fn(Handle) -> Handle,
    stream_insert_cancel: unsafe extern "C" fn(Handle),
    stream_insert_error: unsafe extern "C" fn(Handle) -> *const c_char,
    destroy_insert: unsafe extern "C" fn(Handle),
    buffer: unsafe extern "C" fn(Handle) -> *const c_char,
    length: unsafe extern "C" fn(Handle) -> usize,
    error: unsafe extern "C" fn(Handle) -> *const c_char,
    destroy: unsafe extern "C" fn(Handle),
    version: unsafe extern "C" fn() -> *const c_char,
    _library: Library,
}

impl Functions {
    fn load(path: &Path) -> Result<Self> {
        // SAFETY: libchdb has no initialiser that harms us; the signatures below are those of its chdb.h.
        unsafe {
            let library = Library::new(path).with_context(|| format!("loading {}", path.display()))?;
            macro_rules! function {
                ($name:literal) => {
                    *library.get(concat!($name, "\0").as_bytes())?
                };
            }
            let set_signal_handlers: unsafe extern "C" fn(c_int) =
                function!("chdb_set_signal_handlers_enabled");
            set_signal_handlers(0);
            Ok(Self {
                connect: function!("chdb_connect"),
                close: function!("chdb_close_conn"),
                query: function!("chdb_query_n"),
                stream_query: function!("chdb_stream_query_n"),
                stream_fetch: function!("chdb_stream_fetch_result"),
                stream_cancel: function!("chdb_stream_cancel_query"),
                stream_insert: function!("chdb_stream_insert_n"),
                stream_append: function!("chdb_stream_append"),
                stream_done: function!("chdb_stream_done"),
                stream_insert_cancel: function!("chdb_stream_cancel_insert"),
                stream_insert_error: function!("chdb_stream_insert_error"),
                destroy_insert: function!("chdb_destroy_insert_stream"),
                buffer: function!("chdb_result_buffer"),
                length: function!("chdb_result_length"),
                error: function!("chdb_result_error"),
                destroy: function!("chdb_destroy_query_result"),
                version: function!("chdb_version"),
                _library: library,
            })
        }
    }
}

/// What the engine said was wrong, in its own words: `Code: 60. DB::Exception: …`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub String);

/// The engine over one data folder.
pub struct Engine {
    functions: Arc<Functions>,
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    total: usize,
}

/// One connection, owned by one thread at a time.
struct Connection {
    functions: Arc<Functions>,
    root: *mut Handle,
    /// The database that it is in; none where that is not known.
    database: RefCell<Option<String>>,
}

// SAFETY: the library allows a connection to be used from any thread, one statement at a time; a `Connection`
// is not `Sync`, and a `Lent` one has a single owner.
unsafe impl Send for Connection {}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: `root` came from chdb_connect and is closed once.
        unsafe { (self.functions.close)(self.root) }
    }
}

/// A connection lent to one caller; goes back when dropped.
pub struct Lent<'e> {
    engine: &'e Engine,
    connection: Option<Connection>,
}

impl Engine {
    /// Loads the library and opens `connections` connections to the data.
    pub fn open(library: &Path, data: &Path, connections: usize) -> Result<Self> {
        std::fs::create_dir_all(data)?;
        let functions = Arc::new(Functions::load(library)?);
        let program = CString::new("clickhouse")?;
        let path = CString::new(format!("--path={}", data.display()))?;
        let mut idle = Vec::new();
        for _ in 0..connections.max(1) {
            let mut arguments = [program.as_ptr().cast_mut(), path.as_ptr().cast_mut()];
            // SAFETY: both arguments are valid C strings for the length of the call, which does not keep them.
            let root = unsafe { (functions.connect)(2, arguments.as_mut_ptr()) };
            anyhow::ensure!(!root.is_null(), "the engine does not open {}", data.display());
            idle.push(Connection { functions: Arc::clone(&functions), root, database: RefCell::default() });
        }
        Ok(Self { functions, total: idle.len(), idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Version of the engine.
    pub fn version(&self) -> String {
        // SAFETY: a static, null-terminated string.
        unsafe { copy_text((self.functions.version)()) }.unwrap_or_default()
    }

    /// Lends a connection; waits for one. Call it on a thread that may block.
    pub fn lend(&self) -> Lent<'_> {
        let mut idle = self.lock();
        loop {
            if let Some(connection) = idle.pop() {
                return Lent { engine: self, connection: Some(connection) };
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for every statement to end, then closes the connections so that the data is left in order.
    pub fn close(&self) {
        let mut idle = self.lock();
        while idle.len() < self.total {
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
        idle.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.engine.lock().push(connection);
            self.engine.returned.notify_all();
        }
    }
}

impl Lent<'_> {
    fn functions(&self) -> &Functions {
        &self.engine.functions
    }

    fn handle(&self) -> Handle {
        let connection = self.connection.as_ref().expect("present until dropped");
        // SAFETY: `root` points to the connection's handle for as long as it is open.
        unsafe { *connection.root }
    }

    fn start(&self, function: QueryFn, sql: &str, format: &str) -> Handle {
        // SAFETY: the texts are valid for their lengths during the call; the handle is ours alone.
        unsafe {
            function(self.handle(), sql.as_ptr().cast(), sql.len(), format.as_ptr().cast(), format.len())
        }
    }

    /// Goes to a database, unless the connection is there.
    pub fn use_database(&self, name: &str) -> Result<(), EngineError> {
        let known = &self.connection.as_ref().expect("present until dropped").database;
        if known.borrow().as_deref() == Some(name) {
            return Ok(());
        }
        known.replace(None);
        self.run(&format!("USE `{name}`"), "TabSeparated")?;
        known.replace(Some(name.to_owned()));
        Ok(())
    }

    /// Runs one statement that may change the connection itself, such as `USE`, and returns its whole result.
    pub fn command(&self, sql: &str, format: &str) -> Result<Bytes, EngineError> {
        self.connection.as_ref().expect("present until dropped").database.replace(None);
        self.run(sql, format)
    }

    /// Runs one statement and returns its whole result.
    pub fn run(&self, sql: &str, format: &str) -> Result<Bytes, EngineError> {
        let result = self.start(self.functions().query, sql, format);
        self.take(result)
    }

    /// Runs a query and hands its result over piece by piece; `sink` returning false cancels it.
    pub fn stream(
        &self,
        sql: &str,
        format: &str,
        mut sink: impl FnMut(Bytes) -> bool,
    ) -> Result<(), EngineError> {
        let functions = self.functions();
        let stream = self.start(functions.stream_query, sql, format);
        // SAFETY: `stream` came from stream_query on this connection and is destroyed once, below.
        let mut outcome = unsafe { self.error_of(stream) };
        while outcome.is_ok() {
            // SAFETY: as above; each piece is owned by us until `take` destroys it.
            let piece = unsafe { (functions.stream_fetch)(self.handle(), stream) };
            match self.take(piece) {
                Ok(piece) if piece.is_empty() => break,
                Ok(piece) => {
                    if !sink(piece) {
                        // SAFETY: a running stream of this connection.
                        unsafe { (functions.stream_cancel)(self.handle(), stream) };
                        break;
                    }
                }
                Err(error) => outcome = Err(error),
            }
        }
        // SAFETY: destroyed once; nothing refers to it any more.
        unsafe { (functions.destroy)(stream) };
        outcome
    }

    /// Starts an insert whose data follows in pieces.
    pub fn insert(&self, sql: &str, format: &str) -> Insert<'_> {
        Insert { lent: self, stream: self.start(self.functions().stream_insert, sql, format), open: true }
    }

    /// Copies a result and destroys it.
    fn take(&self, result: Handle) -> Result<Bytes, EngineError> {
        let functions = self.functions();
        // SAFETY: the buffer is valid for its length until the result is destroyed, after it was copied.
        unsafe {
            let outcome = self.error_of(result).map(|()| {
                let (start, length) = ((functions.buffer)(result), (functions.length)(result));
                if start.is_null() || length == 0 {
                    Bytes::new()
                } else {
                    Bytes::copy_from_slice(std::slice::from_raw_parts(start.cast(), length))
                }
            });
            (functions.destroy)(result);
            outcome
        }
    }

    /// SAFETY: `result` must be a live result handle.
    unsafe fn error_of(&self, result: Handle) -> Result<(), EngineError> {
        // SAFETY: by this function's contract.
        match unsafe { copy_text((self.functions().error)(result)) } {
            Some(error) if !error.is_empty() => Err(EngineError(error)),
            _ => Ok(()),
        }
    }
}

/// An insert under way. Dropped before [`finish`](Self::finish), it is cancelled and adds nothing.
pub struct Insert<'l> {
    lent: &'l Lent<'l>,
    stream: Handle,
    open: bool,
}

impl Insert<'_> {
    /// Adds data; the engine may make us wait.
    pub fn append(&mut self, data: &[u8]) -> Result<(), EngineError> {
        let functions = self.lent.functions();
        // SAFETY: an open insert stream; the data is valid for its length during the call.
        let state = unsafe { (functions.stream_append)(self.stream, data.as_ptr().cast(), data.len()) };
        if state == 0 { Ok(()) } else { Err(self.failure()) }
    }

    /// Ends the data and waits until the rows are in the table.
    pub fn finish(mut self) -> Result<(), EngineError> {
        self.open = false;
        // SAFETY: an open insert stream, ended once; the result is ours.
        let result = unsafe { (self.lent.functions().stream_done)(self.stream) };
        self.lent.take(result).map(drop)
    }

    fn failure(&self) -> EngineError {
        // SAFETY: a live stream; its text is copied at once.
        let text = unsafe { copy_text((self.lent.functions().stream_insert_error)(self.stream)) };
        EngineError(text.unwrap_or_else(|| "the engine refused the data without a reason".into()))
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        let functions = self.lent.functions();
        // SAFETY: cancelled at most once while open, then destroyed once.
        unsafe {
            if self.open {
                (functions.stream_insert_cancel)(self.stream);
            }
            (functions.destroy_insert)(self.stream);
        }
    }
}

/// SAFETY: `text` must be null or a null-terminated string.
unsafe fn copy_text(text: *const c_char) -> Option<String> {
    // SAFETY: by this function's contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
