//! A world that the tests of one binary share, made by the first of them; each test has merchants of its own.

use std::sync::LazyLock;

use anyhow::Result;
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, RwLock};

use crate::contract::front;
use crate::world::World;

/// The world of a test binary: a `static` of it.
pub struct SharedWorld {
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    runtime: LazyLock<Runtime>,
    world: OnceCell<World>,
    /// Faults of the simulator are everybody's: a test that sets them holds `write`, a test whose import must not meet
    /// them holds `read` from before it connects.
    pub faults: RwLock<()>,
}

impl SharedWorld {
    /// A world whose log is found by `name`.
    pub const fn new(name: &'static str) -> Self {
        Self::with_settings(name, &[])
    }

    /// A world whose Qafila has variables of its own.
    pub const fn with_settings(
        name: &'static str,
        settings: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            name,
            settings,
            runtime: LazyLock::new(|| Runtime::new().expect("a runtime")),
            world: OnceCell::const_new(),
            faults: RwLock::const_new(()),
        }
    }

    /// Runs a test on the shared runtime's own threads, which outlive the test: Qafila ends with the thread that started it.
    pub fn run(&self, test: impl Future<Output = Result<()>> + Send + 'static) {
        let outcome = self.runtime.block_on(self.runtime.spawn(test)).expect("the test did not panic");
        front::record().expect("checked answers are recorded");
        outcome.expect("the rule holds");
    }

    /// The world, with Qafila running.
    pub async fn world(&'static self) -> Result<&'static World> {
        self.world
            .get_or_try_init(|| async {
                let mut world = World::make(self.name).await?.with_checked_answers().await?;
                let settings =
                    self.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                world.environment.extend(settings);
                world.start()?;
                world.ready().await?;
                anyhow::Ok(world)
            })
            .await
    }
}
