//! The OpenAPI document as others use it: a client is generated of it, and a fuzzer looks for answers that it does not allow.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use qafila_proving::merchant::Merchant;
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::world::API_KEY;
use qafila_stack::layout::Layout;
use tokio::process::Command;

static SHARED: SharedWorld = SharedWorld::new("contract");

fn script(name: &str) -> Result<PathBuf> {
    Ok(Layout::find()?.root.join("deploy/local/contract").join(name))
}

async fn passes(mut command: Command) -> Result<()> {
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success(), "{command:?} failed:\n{said}");
    println!("{said}");
    Ok(())
}

#[test]
fn a_client_is_generated_of_the_document_and_a_use_of_every_operation_compiles_in_strict_typescript() {
    SHARED.run(async {
        let mut command = Command::new(script("client.sh")?);
        command.arg(Layout::find()?.binaries.join("qafila"));
        passes(command).await
    });
}

#[test]
fn a_fuzzer_finds_no_answer_that_the_document_does_not_allow() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, _) = Merchant::with_store(&world.gateway, &world.sim_url, 16).await?;
        merchant.start_import(24).await?;
        merchant.watch_import(Duration::from_secs(120), |_| {}).await?;
        let mut command = Command::new(script("fuzz.sh")?);
        command.args([world.gateway.as_str(), merchant.token(), API_KEY]);
        passes(command).await
    });
}
