//! Password hashes: argon2id, a few at a time, off the async threads.

use std::sync::Arc;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// OWASP's first choice: 19 MiB, two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const AT_ONCE: usize = 4;
/// At some 30 ms each: half a second.
const MOST_WAITING: usize = 64;

/// Why a hash could not be made or checked.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// More are waiting than can be done in time; try again.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// The library, or its thread.
    #[error("password hashing: {0}")]
    Failed(String),
}

/// Hashes and verifies.
#[derive(Clone)]
pub struct Passwords {
    argon: Argon2<'static>,
    room: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// Verified where there is no such user, so that both take the same time.
    decoy: Arc<str>,
}

impl Passwords {
    /// With our parameters.
    pub fn new() -> Result<Self, HashError> {
        let params =
            Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|e| HashError::Failed(e.to_string()))?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&argon, "a password that nobody has")?;
        let room = Arc::new(Semaphore::new(AT_ONCE));
        Ok(Self { argon, room, queue: Arc::new(Semaphore::new(MOST_WAITING)), decoy: decoy.into() })
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: String) -> Result<String, HashError> {
        let argon = self.argon.clone();
        self.off_thread(move || hash(&argon, &password)).await?
    }

    /// Whether `password` belongs to `stored`; with `None` it takes as long and is false.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, HashError> {
        let argon = self.argon.clone();
        let decoy = Arc::clone(&self.decoy);
        self.off_thread(move || {
            let known = stored.is_some();
            let stored = stored.as_deref().unwrap_or(&decoy);
            let parsed = PasswordHash::new(stored).map_err(|e| HashError::Failed(e.to_string()))?;
            let fits = argon.verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(fits && known)
        })
        .await?
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = self.queue.try_acquire().map_err(|_| HashError::Busy)?;
        let _room = self.room.acquire().await.map_err(|e| HashError::Failed(e.to_string()))?;
        tokio::task::spawn_blocking(work).await.map_err(|e| HashError::Failed(e.to_string()))
    }
}

fn hash(argon: &Argon2<'static>, password: &str) -> Result<String, HashError> {
    let salt = SaltString::generate(&mut OsRng);
    argon
        .hash_password(password.as_bytes(), &salt)
        .map(|h| h.to_string())
        .map_err(|e| HashError::Failed(e.to_string()))
}
