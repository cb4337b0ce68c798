//! What every answer of the API keeps to, whatever it is about: problems by codes and in the language of the request.

use anyhow::{Context, ensure};
use qafila_proving::merchant::Merchant;
use qafila_proving::shared_world::SharedWorld;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY};
use serde_json::{Value, json};

static SHARED: SharedWorld = SharedWorld::new("api");

#[test]
fn a_problem_has_stable_codes_with_parameters_and_a_text_in_the_language_that_is_liked_best() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let mut details = vec![];
        for (accepted, language) in [("ar-SA,ar;q=0.9,en;q=0.5", "ar"), ("en", "en"), ("fr", "en")] {
            let asked = merchant.looking("/api/v1/reports/summary?from=2026-02-31&compare=nothing&x=1");
            let answer = asked.header(ACCEPT_LANGUAGE, accepted).send().await?;
            ensure!(answer.status() == StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.status());
            let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
            ensure!(header(CONTENT_LANGUAGE) == Some(language), "{:?}", answer.headers());
            ensure!(
                header(VARY).is_some_and(|vary| vary.contains("accept-language")),
                "{:?}",
                answer.headers()
            );
            let problem: Value = answer.json().await?;
            ensure!(problem["code"] == "invalid-input" && problem["params"] == json!({}), "{problem}");
            let errors = problem["errors"].as_array().context("errors")?;
            let mut told: Vec<_> = errors
                .iter()
                .map(|error| (error["pointer"].as_str(), &error["code"], &error["params"]))
                .collect();
            told.sort_by_key(|(pointer, ..)| *pointer);
            let (none, values) = (json!({}), json!({"values": ["previous"]}));
            let (day, one_of, unknown) = (json!("day"), json!("one-of"), json!("unknown-parameter"));
            let expected = [
                (Some("compare"), &one_of, &values),
                (Some("from"), &day, &none),
                (Some("x"), &unknown, &none),
            ];
            ensure!(told == expected, "{problem}");
            details.push((problem["detail"].clone(), errors[0]["detail"].clone()));
        }
        ensure!(details[0] != details[1] && details[1] == details[2], "{details:?}");
        Ok(())
    });
}
