//! What the simulator knows while it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::SeedableRng;
use rand::distr::{Alphanumeric, SampleString};
use rand_chacha::ChaCha8Rng;

use crate::faults::Faults;
use crate::lies::Lies;
use crate::limits::Limits;
use crate::lively::{Event, Lively};
use crate::oauth::Grants;
use crate::store::Store;
use crate::switches::Switches;
use crate::webhooks::Webhooks;

/// The OAuth client.
#[derive(Debug, Clone)]
pub struct Client {
    /// Client id.
    pub id: String,
    /// Client secret.
    pub secret: String,
    /// Webhook secret.
    pub webhook_secret: String,
}

/// The simulator. Clones share everything.
#[derive(Clone)]
pub struct Sim {
    inner: Arc<Mutex<World>>,
    /// The one client it knows.
    pub client: Arc<Client>,
}

/// Everything that changes.
pub struct World {
    /// Stores by id.
    pub stores: HashMap<u64, Store>,
    /// Codes and tokens.
    pub grants: Grants,
    /// Buckets.
    pub limits: Limits,
    /// What goes wrong.
    pub faults: Faults,
    /// Stores whose lists lie.
    pub lies: HashMap<u64, Lies>,
    /// Stores that never stand still.
    pub lively: HashMap<u64, Lively>,
    /// How Salla behaves where it is unknown.
    pub switches: Switches,
    /// Subscriptions and deliveries.
    pub webhooks: Webhooks,
    /// Randomness of faults and tokens.
    pub dice: ChaCha8Rng,
    /// Order list calls so far, for arrivals.
    pub order_lists: u32,
}

impl Sim {
    /// A simulator without stores.
    pub fn new(client: Client) -> Self {
        let world = World {
            stores: HashMap::new(),
            grants: Grants::default(),
            limits: Limits::default(),
            faults: Faults::default(),
            lies: HashMap::new(),
            lively: HashMap::new(),
            switches: Switches::default(),
            webhooks: Webhooks::default(),
            dice: ChaCha8Rng::from_os_rng(),
            order_lists: 0,
        };
        Self { inner: Arc::new(Mutex::new(world)), client: Arc::new(client) }
    }

    /// The world, for a short look or change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Changes a lively store before a call of `path` is answered; says what webhooks tell of it.
    pub fn stir(&mut self, store: u64, path: &str) -> Option<Event> {
        let lively = *self.lively.get(&store)?;
        lively.stir(self.stores.get_mut(&store)?, path, &mut self.dice, &self.switches)
    }

    /// Random letters and digits.
    pub fn letters(&mut self, length: usize) -> String {
        Alphanumeric.sample_string(&mut self.dice, length)
    }
}
