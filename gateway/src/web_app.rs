//! Serves the web app as `make spa` builds it: one page for every address of a page, assets whose names hold their content, and a policy that
//! the browser holds the page to.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use tower_http::services::{ServeDir, ServeFile};

use crate::server::BodyError;

/// First segments of addresses that are the API's, a file's or the operator's; all others are pages.
const NOT_PAGES: [&str; 5] = ["api", "download", "health", "metrics", "topics"];
/// Folder of files whose names change with their content.
const ASSETS: &str = "/assets/";
const PAGE: &str = "index.html";
/// Caching of what is not there: while an update is under way it may be there a moment later.
const NOT_KEPT: &str = "no-store";

/// What a page may do. The one trusted type is the address of the worker: browsers take no bare text for it. The hash is that of the empty
/// text: the styles' library makes an empty `<style>` and fills it by a way that no policy forbids.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; font-src 'self'; img-src 'self' data: https:; \
    connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types qafila";

/// Headers of pages and of files that browsers open as such. Codes and tokens stand in addresses of pages: they are told to no other site.
const OF_PAGES: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

type File = UnsyncBoxBody<Bytes, BodyError>;

/// The folder is not one that `make spa` has built.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no index.html: build the web app with `make spa`")]
pub struct NoWebApp(PathBuf);

/// The built web app.
#[derive(Debug, Clone)]
pub struct WebApp {
    files: ServeDir,
    page: ServeFile,
}

/// What an address of the web app names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A page, whichever: the app finds out by itself.
    Page,
    /// A file that never changes under its name.
    Asset,
    /// Another file, such as the manifest.
    File,
}

impl Named {
    /// What `path` names, if a browser asks for it and it is not the API's.
    pub fn by(method: &Method, path: &str) -> Option<Self> {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let is_read = *method == Method::GET || *method == Method::HEAD;
        if !is_read || NOT_PAGES.contains(&first) {
            return None;
        }
        let is_file = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
        Some(match is_file {
            _ if path.starts_with(ASSETS) => Self::Asset,
            true => Self::File,
            false => Self::Page,
        })
    }

    /// Its name in metrics.
    pub fn route(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Asset => "asset",
            Self::File => "file",
        }
    }

    fn caching(self) -> &'static str {
        match self {
            Self::Asset => "public, max-age=31536000, immutable",
            Self::Page | Self::File => "no-cache",
        }
    }
}

impl WebApp {
    /// The app that was built into `folder`.
    pub fn open(folder: &Path) -> Result<Self, NoWebApp> {
        let page = folder.join(PAGE);
        if !page.is_file() {
            return Err(NoWebApp(folder.to_owned()));
        }
        Ok(Self {
            files: ServeDir::new(folder)
                .append_index_html_on_directories(false)
                .precompressed_br()
                .precompressed_gzip(),
            page: ServeFile::new(page).precompressed_br().precompressed_gzip(),
        })
    }

    /// Answers with what an address names. A file that is gone is 404 and never a page: a browser would take that for a script.
    pub async fn answer(
        &self,
        named: Named,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Response<File> {
        if path.split('/').any(|segment| segment.starts_with('.')) {
            return empty(StatusCode::NOT_FOUND);
        }
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers.clone();
        if named != Named::Asset {
            // A build that is put back is older than what browsers have: by its time alone they would keep a page whose assets are gone.
            for name in [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE] {
                request.headers_mut().remove(name);
            }
        }
        let found = match path.parse() {
            Ok(uri) => {
                *request.uri_mut() = uri;
                match named {
                    Named::Page => self.page.clone().try_call(request).await,
                    Named::Asset | Named::File => self.files.clone().try_call(request).await,
                }
            }
            Err(_) => return empty(StatusCode::NOT_FOUND),
        };
        let mut answer = match found {
            Ok(answer) => {
                answer.map(|body| body.map_err(|error| Box::new(error) as BodyError).boxed_unsync())
            }
            Err(error) => {
                tracing::error!(event = "failed to read a file of the web app", cause = %error);
                return empty(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        let is_found = answer.status().is_success() || answer.status() == StatusCode::NOT_MODIFIED;
        let caching = if is_found { named.caching() } else { NOT_KEPT };
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if named != Named::Asset {
            let headers = OF_PAGES.map(|(name, value)| (name, HeaderValue::from_static(value)));
            answer.headers_mut().extend(headers);
        }
        answer
    }
}

fn empty(status: StatusCode) -> Response<File> {
    let mut answer = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(NOT_KEPT));
    answer
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A built app in a folder of its own.
    fn app() -> (tempfile::TempDir, WebApp) {
        let folder = tempfile::tempdir().expect("a folder for the test");
        for inner in ["assets", ".vite"] {
            fs::create_dir(folder.path().join(inner)).expect("an empty folder");
        }
        for (file, content) in [
            ("index.html", "<page>"),
            ("assets/a-1.js", "script"),
            ("assets/a-1.js.br", "brotli"),
            ("assets/a-1.js.gz", "gzip"),
            ("manifest.webmanifest", "{}"),
            (".vite/manifest.json", "{}"),
        ] {
            fs::write(folder.path().join(file), content).expect("a folder that can be written");
        }
        let app = WebApp::open(folder.path()).expect("it has a page");
        (folder, app)
    }

    async fn get(app: &WebApp, path: &str, encodings: &'static str) -> (StatusCode, HeaderMap, String) {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(encodings))]);
        let named = Named::by(&Method::GET, path).expect("an address of the web app");
        let (head, body) = app.answer(named, &Method::GET, path, &headers).await.into_parts();
        let body = body.collect().await.expect("a file that can be read").to_bytes();
        (head.status, head.headers, String::from_utf8_lossy(&body).into_owned())
    }

    #[test]
    fn what_is_the_apis_or_a_command_is_no_page() {
        for path in ["/api/v1/me", "/api/docs", "/download/x", "/health/live", "/topics", "/metrics"] {
            assert_eq!(Named::by(&Method::GET, path), None, "{path}");
        }
        assert_eq!(Named::by(&Method::POST, "/orders"), None);
        assert_eq!(Named::by(&Method::GET, "/"), Some(Named::Page));
        assert_eq!(Named::by(&Method::HEAD, "/orders/12"), Some(Named::Page));
        assert_eq!(Named::by(&Method::GET, "/assets/x"), Some(Named::Asset));
        assert_eq!(Named::by(&Method::GET, "/worker.js"), Some(Named::File));
    }

    #[tokio::test]
    async fn every_address_of_a_page_is_the_page_with_its_policy_and_is_asked_for_again() {
        let (_folder, app) = app();
        for path in ["/", "/orders", "/orders/77", "/oauth/callback?code=x&state=y"] {
            let (status, headers, body) = get(&app, path, "").await;
            assert_eq!((status, body.as_str()), (StatusCode::OK, "<page>"), "{path}");
            assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], POLICY);
            assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        }
    }

    #[tokio::test]
    async fn assets_are_kept_for_ever_and_sent_as_they_were_compressed() {
        let (_folder, app) = app();
        for (encodings, content) in [("gzip, br", "brotli"), ("gzip", "gzip"), ("", "script")] {
            let (status, headers, body) = get(&app, "/assets/a-1.js", encodings).await;
            assert_eq!((status, body.as_str()), (StatusCode::OK, content));
            assert_eq!(headers[header::CACHE_CONTROL], Named::Asset.caching());
            assert_eq!(headers[header::VARY], "accept-encoding");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_not_found_and_no_page_and_nothing_outside_is_served() {
        let (folder, app) = app();
        let outside = folder.path().parent().expect("a folder within another").join("outside.txt");
        fs::write(outside, "secret").expect("a folder that can be written");
        for path in [
            "/assets/gone.js",
            "/gone.png",
            "/.vite/manifest.json",
            "/assets/../../outside.txt",
            "/assets/%2e%2e/%2e%2e/outside.txt",
        ] {
            let (status, headers, body) = get(&app, path, "").await;
            assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, ""), "{path}");
            assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
        }
    }

    #[test]
    fn a_folder_without_a_page_is_refused() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        assert!(WebApp::open(folder.path()).is_err());
    }
}
