//! All routes, one file per area; each handler takes the application and the call, and answers or names the problem.

pub mod api_keys;
pub mod auth;
pub mod carts;
pub mod customers;
pub mod downloads;
pub mod exports;
pub mod histories;
pub mod jobs;
pub mod me;
pub mod notifications;
pub mod openapi;
pub mod operations;
pub mod orders;
pub mod passwords;
pub mod products;
pub mod reconciliations;
pub mod reports;
pub mod salla;
pub mod sync;
pub mod webhooks;

use std::convert::Infallible;
use std::sync::Arc;

use qafila_projections::oltp::merchants;
use qafila_schemas::ids::MerchantId;
use warp::filters::BoxedFilter;
use warp::reject::{MethodNotAllowed, Rejection};
use warp::reply::{Reply, Response};
use warp::{Filter, path};

use self::reports::sharing::{shared, shared_of};
use crate::app::App;
use crate::call::{Call, call};
use crate::problem::{Code, Problem};

/// What a handler answers.
pub type Answer = Result<Response, Problem>;

/// Every route, with problems for what none of them takes.
pub fn all(app: Arc<App>) -> BoxedFilter<(Response,)> {
    let v1 = path!("api" / "v1" / ..);
    let public = v1
        .and(
            post(path!("auth" / "register"), &app, auth::register)
                .or(post(path!("auth" / "login"), &app, auth::login))
                .unify()
                .or(post(path!("auth" / "refresh"), &app, auth::refresh))
                .unify()
                .or(post(path!("auth" / "logout"), &app, auth::logout))
                .unify()
                .or(post(path!("auth" / "password" / "forgot"), &app, passwords::forgot))
                .unify()
                .or(post(path!("auth" / "password" / "reset"), &app, passwords::reset))
                .unify()
                .or(post(path!("auth" / "password" / "change"), &app, passwords::change))
                .unify(),
        )
        .boxed();
    let merchant = v1
        .and(
            get(path!("me"), &app, me::show)
                .or(patch(path!("me"), &app, me::change))
                .unify()
                .or(get(path!("salla" / "auth" / "url"), &app, salla::authorization_url))
                .unify()
                .or(post(path!("salla" / "auth" / "callback"), &app, salla::callback))
                .unify()
                .or(post(path!("salla" / "claim"), &app, salla::claim))
                .unify()
                .or(delete(path!("salla" / "connection"), &app, salla::disconnect))
                .unify()
                .or(post(path!("sync" / "initial"), &app, sync::initial))
                .unify()
                .or(post(path!("sync" / "restart"), &app, sync::restart))
                .unify()
                .or(post(path!("sync" / "cancel"), &app, sync::cancel))
                .unify()
                .or(get(path!("sync" / "status"), &app, sync::status::status))
                .unify()
                .or(get(path!("sync" / "runs"), &app, sync::runs::list))
                .unify()
                .or(get(path!("sync" / "estimate"), &app, sync::estimate::estimate))
                .unify()
                .or(get(path!("notifications"), &app, notifications::list))
                .unify()
                .or(post(path!("notifications" / "read-all"), &app, notifications::read_all))
                .unify()
                .or(post_of(path!("notifications" / String / "read"), &app, notifications::read))
                .unify(),
        )
        .boxed();
    // In a group of its own: the type of one chain of all routes is too deep for the compiler.
    let reading = v1
        .and(
            get(path!("carts"), &app, carts::list)
                .or(get(path!("carts" / "facets"), &app, carts::facets))
                .unify()
                .or(get_of(path!("carts" / String), &app, carts::show))
                .unify()
                .or(get(path!("orders"), &app, orders::list))
                .unify()
                .or(get(path!("orders" / "facets"), &app, orders::facets))
                .unify()
                .or(get_of(path!("orders" / String), &app, orders::show))
                .unify()
                .or(get_of(path!("orders" / String / "histories"), &app, histories::show))
                .unify()
                .or(get(path!("customers"), &app, customers::list))
                .unify()
                .or(get(path!("customers" / "facets"), &app, customers::facets))
                .unify()
                .or(get_of(path!("customers" / String), &app, customers::show))
                .unify()
                .or(get(path!("products"), &app, products::list))
                .unify()
                .or(get(path!("products" / "facets"), &app, products::facets))
                .unify()
                .or(get_of(path!("products" / String), &app, products::show))
                .unify()
                .or(get(path!("reconciliations"), &app, reconciliations::list))
                .unify(),
        )
        .boxed();
    let reporting = path!("api" / "v1" / "reports" / ..)
        .and(
            get(path!("summary"), &app, shared("summary", reports::summary::summary))
                .or(get(path!("sales-trend"), &app, shared("sales-trend", reports::trend::sales_trend)))
                .unify()
                .or(get(path!("top-products"), &app, shared("top-products", reports::rankings::top_products)))
                .unify()
                .or(get(path!("customers"), &app, shared("customers", reports::rankings::customers)))
                .unify()
                .or(get(path!("order-status"), &app, shared("order-status", reports::groups::order_status)))
                .unify()
                .or(get(path!("by-city"), &app, shared("by-city", reports::groups::by_city)))
                .unify()
                .or(get(path!("by-payment"), &app, shared("by-payment", reports::groups::by_payment)))
                .unify()
                .or(get(path!("by-channel"), &app, shared("by-channel", reports::groups::by_channel)))
                .unify()
                .or(get(path!("by-hour"), &app, shared("by-hour", reports::hours::by_hour)))
                .unify()
                .or(get_of(path!("product" / String), &app, shared_of("product", reports::product::product)))
                .unify(),
        )
        .boxed();
    let files = v1
        .and(
            post(path!("reports" / "export"), &app, exports::request)
                .or(get(path!("reports" / "exports"), &app, exports::list))
                .unify()
                .or(get_of(path!("reports" / "exports" / String), &app, exports::show))
                .unify()
                .or(delete_of(path!("reports" / "exports" / String), &app, exports::revoke))
                .unify(),
        )
        .or(get_of(path!("download" / String), &app, downloads::download))
        .unify()
        .or(get_of(path!("download" / String / "manifest"), &app, downloads::manifest))
        .unify()
        .or(head_of(path!("download" / String), &app, downloads::look))
        .unify()
        .boxed();
    let keys = v1
        .and(
            get(path!("api-keys"), &app, api_keys::list)
                .or(post(path!("api-keys"), &app, api_keys::make))
                .unify()
                .or(delete_of(path!("api-keys" / String), &app, api_keys::revoke))
                .unify(),
        )
        .boxed();
    let services = path!("api" / "jobs" / ..)
        .and(
            post(path!("sync" / "initiate"), &app, jobs::initiate)
                .or(get(path!("sync" / "status"), &app, jobs::status))
                .unify(),
        )
        .boxed();
    let operations = get(path!("health" / "live"), &app, operations::live)
        .or(get(path!("health" / "ready"), &app, operations::ready))
        .unify()
        .or(get(path!("metrics"), &app, operations::metrics))
        .unify()
        .or(get(path!("api" / "openapi.json"), &app, openapi::document))
        .unify()
        .or(get(path!("api" / "docs"), &app, openapi::docs::page))
        .unify()
        .or(get_of(path!("api" / "docs" / String), &app, openapi::docs::asset))
        .unify()
        .boxed();
    let webhooks = post(path!("api" / "webhooks" / "salla"), &app, webhooks::salla);
    webhooks
        .or(public)
        .unify()
        .or(merchant)
        .unify()
        .or(reading)
        .unify()
        .or(reporting)
        .unify()
        .or(files)
        .unify()
        .or(keys)
        .unify()
        .or(services)
        .unify()
        .or(operations)
        .unify()
        .recover(refused)
        .unify()
        .boxed()
}

/// The merchant's present store: whoever connects another never sees two mixed.
pub(crate) async fn present_store(app: &App, merchant: MerchantId) -> Result<Option<i64>, Problem> {
    Ok(merchants::find(&app.query_pool, merchant).await?.and_then(|known| known.store_id))
}

/// An id of Salla's in a path; none for what is no such id, so that nothing has it.
fn numbered(id: &str) -> Option<i64> {
    id.parse().ok()
}

macro_rules! method {
    ($name:ident) => {
        fn $name<P, H, F>(path: P, app: &Arc<App>, handler: H) -> BoxedFilter<(Response,)>
        where
            P: Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static,
            H: Fn(Arc<App>, Call) -> F + Clone + Send + Sync + 'static,
            F: Future<Output = Answer> + Send + 'static,
        {
            handled(path.and(warp::$name()).boxed(), app, handler)
        }
    };
}
method!(get);
method!(post);
method!(patch);
method!(delete);

macro_rules! method_of {
    ($name:ident, $method:ident) => {
        /// A call about one thing, whose id is in the path.
        fn $name<P, H, F>(path: P, app: &Arc<App>, handler: H) -> BoxedFilter<(Response,)>
        where
            P: Filter<Extract = (String,), Error = Rejection> + Clone + Send + Sync + 'static,
            H: Fn(Arc<App>, Call, String) -> F + Clone + Send + Sync + 'static,
            F: Future<Output = Answer> + Send + 'static,
        {
            handled_of(path.and(warp::$method()).boxed(), app, handler)
        }
    };
}
method_of!(get_of, get);
method_of!(head_of, head);
method_of!(post_of, post);
method_of!(delete_of, delete);

fn handled_of<H, F>(matched: BoxedFilter<(String,)>, app: &Arc<App>, handler: H) -> BoxedFilter<(Response,)>
where
    H: Fn(Arc<App>, Call, String) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let app = Arc::clone(app);
    matched
        .and(call())
        .then(move |id: String, call: Call| {
            let answering = handler(Arc::clone(&app), call, id);
            async move { answering.await.unwrap_or_else(Reply::into_response) }
        })
        .boxed()
}

fn handled<H, F>(matched: BoxedFilter<()>, app: &Arc<App>, handler: H) -> BoxedFilter<(Response,)>
where
    H: Fn(Arc<App>, Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let app = Arc::clone(app);
    matched
        .and(call())
        .then(move |call: Call| {
            let answering = handler(Arc::clone(&app), call);
            async move { answering.await.unwrap_or_else(Reply::into_response) }
        })
        .boxed()
}

/// What no route took.
async fn refused(rejection: Rejection) -> Result<Response, Infallible> {
    let problem = if rejection.is_not_found() {
        Problem::new(Code::NotFound)
    } else if rejection.find::<MethodNotAllowed>().is_some() {
        Problem::new(Code::MethodNotAllowed)
    } else {
        Problem::new(Code::BadRequest)
    };
    Ok(problem.into_response())
}
