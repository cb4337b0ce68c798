//! Names of routes as metrics carry them: only ours, so that no stranger can make series.

use http::Method;

/// The name of everything that is not ours.
const OTHER: &str = "other";

/// Paths of the contract, such as `/api/v1/orders/{id}`, each with the methods that it takes.
#[derive(Debug)]
pub struct RouteNames(Vec<(String, Vec<Method>)>);

impl RouteNames {
    /// These paths and their methods.
    pub fn new(routes: Vec<(String, Vec<Method>)>) -> Self {
        Self(routes)
    }

    /// The route that `path` is of.
    pub fn name(&self, path: &str) -> &str {
        self.0.iter().find(|(route, _)| is_of(path, route)).map_or(OTHER, |(route, _)| route)
    }

    /// Methods that `path` takes, as the header `Allow` lists them (RFC 9110 §10.2.1).
    pub fn methods(&self, path: &str) -> String {
        let routes = self.0.iter().filter(|(route, _)| is_of(path, route));
        let methods: Vec<&str> = routes.flat_map(|(_, methods)| methods.iter().map(Method::as_str)).collect();
        methods.join(", ")
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
        let names = RouteNames::new(vec![
            ("/api/v1/me".into(), vec![Method::GET, Method::PATCH]),
            ("/api/v1/orders/{id}".into(), vec![Method::GET]),
        ]);
        assert_eq!((names.methods("/api/v1/me").as_str(), names.methods("/x").as_str()), ("GET, PATCH", ""));
        assert_eq!(names.name("/api/v1/me"), "/api/v1/me");
        assert_eq!(names.name("/api/v1/orders/7"), "/api/v1/orders/{id}");
        for path in ["/api/v1/orders/7/x", "/api/v1", "/wp-admin", "", "/api/v1/me/"] {
            assert_eq!(names.name(path), OTHER, "{path}");
        }
        assert_eq!(method_name(&Method::from_bytes(b"AAAA1").expect("a method")), OTHER);
    }
}
