//! `/api/docs`: the document to read and to try (Swagger UI), served from this process alone.

use std::sync::{Arc, LazyLock};

use http::{HeaderValue, header};
use utoipa_swagger_ui::{Config, serve};
use warp::reply::Response;

use crate::app::App;
use crate::call::Call;
use crate::problem::{Code, Problem};
use crate::routes::Answer;

/// Everything is of this host; the library sets styles in elements.
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/api/openapi.json").try_it_out_enabled(true).use_base_layout()));

/// `GET /api/docs`
pub async fn page(_app: Arc<App>, _call: Call) -> Answer {
    file("index.html")
}

/// `GET /api/docs/{file}`
pub async fn asset(_app: Arc<App>, _call: Call, name: String) -> Answer {
    file(&name)
}

fn file(name: &str) -> Answer {
    let found =
        serve(name, Arc::clone(&CONFIG)).map_err(|error| Problem::unavailable("documentation", &*error))?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut bytes = found.bytes.into_owned();
    if name == "index.html" {
        // The page stands at /api/docs, without a slash behind.
        let page = String::from_utf8_lossy(&bytes)
            .replace("\"./", "\"/api/docs/")
            .replace("\"index.css", "\"/api/docs/index.css");
        bytes = page.into_bytes();
    }
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(kind) = HeaderValue::from_str(&found.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}
