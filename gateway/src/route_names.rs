//! Names of routes as metrics carry them: only ours, so that no stranger can make series.

use http::Method;

/// The name of everything that is not ours.
const OTHER: &str = "other";

/// Paths of the contract, such as `/api/v1/orders/{id}`.
#[derive(Debug)]
pub struct RouteNames(Vec<String>);

impl RouteNames {
    /// These paths.
    pub fn new(paths: Vec<String>) -> Self {
        Self(paths)
    }

    /// The route that `path` is of.
    pub fn name(&self, path: &str) -> &str {
        self.0.iter().find(|route| is_of(path, route)).map_or(OTHER, String::as_str)
    }
}

fn is_of(path: &str, route: &str) -> bool {
    let mut segments = path.split('/');
    route.split('/').all(|part| segments.next().is_some_and(|s| part == s || part.starts_with('{')))
        && segments.next().is_none()
}

/// The name of a method: HTTP lets a client invent its own.
pub fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_invents_is_other() {
        let names = RouteNames::new(vec!["/api/v1/me".into(), "/api/v1/orders/{id}".into()]);
        assert_eq!(names.name("/api/v1/me"), "/api/v1/me");
        assert_eq!(names.name("/api/v1/orders/7"), "/api/v1/orders/{id}");
        for path in ["/api/v1/orders/7/x", "/api/v1", "/wp-admin", "", "/api/v1/me/"] {
            assert_eq!(names.name(path), OTHER, "{path}");
        }
        assert_eq!(method_name(&Method::from_bytes(b"AAAA1").expect("a method")), OTHER);
    }
}
