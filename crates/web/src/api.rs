//! Routes that carry who may call them. The list of all routes is what the authorisation test walks.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use futures_util::FutureExt as _;
use pitcrew_kernel::{Access, Ctx, Error};

use crate::problem::{ErrorShape, problem_response};

/// The largest body a route takes unless it says otherwise.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// One route and who may call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// The method.
    pub method: Method,
    /// The path pattern.
    pub path: String,
    /// The access a caller needs.
    pub access: Access,
}

/// A set of routes with everything they need.
#[derive(Debug, Default)]
pub struct Api {
    router: Router,
    routes: Vec<RouteInfo>,
}

impl Api {
    /// No routes yet; handlers take `State<S>`.
    pub fn builder<S: Clone + Send + Sync + 'static>() -> ApiBuilder<S> {
        ApiBuilder { router: Router::new(), routes: Vec::new(), shape: problem_response, demand: |_| Ok(()) }
    }

    /// Both sets.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.routes.extend(other.routes);
        self
    }

    /// Every route, for the authorisation test and the reference page.
    pub fn routes(&self) -> &[RouteInfo] {
        &self.routes
    }

    /// The router alone: without [`crate::guarded`] nobody is known and every route but public ones refuses.
    pub fn into_router(self) -> Router {
        self.router
    }
}

/// Routes that still wait for their state.
#[derive(Debug)]
pub struct ApiBuilder<S> {
    router: Router<S>,
    routes: Vec<RouteInfo>,
    shape: ErrorShape,
    demand: Demand,
}

/// What a door asks of the headers of every request that is not public.
pub type Demand = fn(&HeaderMap) -> Result<(), Error>;

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident => $method:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name<H, T>(self, path: &str, access: Access, handler: H) -> Self
        where
            H: Handler<T, S>,
            T: 'static,
        {
            self.route(Method::$method, MethodFilter::$method, path, access, MAX_BODY_BYTES, handler)
        }
    )*};
}

impl<S: Clone + Send + Sync + 'static> ApiBuilder<S> {
    verbs! {
        /// Answers GET.
        get => GET;
        /// Answers POST.
        post => POST;
        /// Answers PUT.
        put => PUT;
        /// Answers PATCH.
        patch => PATCH;
        /// Answers DELETE.
        delete => DELETE;
    }

    /// Answers POST with bodies of at most `max_bytes`.
    #[must_use]
    pub fn post_sized<H: Handler<T, S>, T: 'static>(
        self,
        path: &str,
        access: Access,
        max_bytes: usize,
        handler: H,
    ) -> Self {
        self.route(Method::POST, MethodFilter::POST, path, access, max_bytes, handler)
    }

    /// Answers PUT with bodies of at most `max_bytes`. A handler that takes the body as a stream bounds it by itself.
    #[must_use]
    pub fn put_sized<H: Handler<T, S>, T: 'static>(
        self,
        path: &str,
        access: Access,
        max_bytes: usize,
        handler: H,
    ) -> Self {
        self.route(Method::PUT, MethodFilter::PUT, path, access, max_bytes, handler)
    }

    /// Writes errors as this door's clients expect them, for the routes added after this call.
    #[must_use]
    pub fn errors(mut self, shape: ErrorShape) -> Self {
        self.shape = shape;
        self
    }

    /// Refuses requests whose headers `demand` does not accept, once their caller is known, for the routes added after this call.
    #[must_use]
    pub fn demands(mut self, demand: Demand) -> Self {
        self.demand = demand;
        self
    }

    /// Hands every handler its state.
    pub fn with_state(self, state: S) -> Api {
        Api { router: self.router.with_state(state), routes: self.routes }
    }

    fn route<H, T>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &str,
        access: Access,
        max_bytes: usize,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let (shape, demand) = (self.shape, self.demand);
        let gate = middleware::from_fn(move |request: Request, next: Next| check(access, shape, demand, request, next));
        let method_router: MethodRouter<S, Infallible> = on(filter, handler);
        let method_router = method_router.layer(DefaultBodyLimit::max(max_bytes)).layer(gate);
        self.router = self.router.route(path, method_router);
        self.routes.push(RouteInfo { method, path: path.to_owned(), access });
        self
    }
}

async fn check(access: Access, shape: ErrorShape, demand: Demand, request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<crate::guard::RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    if access > Access::Public {
        let caller = request.extensions().get::<Result<Ctx, std::sync::Arc<Error>>>();
        match caller {
            Some(Ok(ctx)) => {
                if let Err(error) = ctx.require(access).and_then(|()| demand(request.headers())) {
                    return shape(&error, &request_id);
                }
            }
            Some(Err(error)) => return shape(error, &request_id),
            None => {
                return shape(&Error::unauthenticated("TOKEN_REQUIRED", "nobody is known to be calling"), &request_id);
            }
        }
    }
    let response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let error = Error::internal("a handler panicked", panic_text(panic.as_ref()));
            crate::problem::log(&error, &request_id);
            return shape(&error, &request_id);
        }
    };
    match response.extensions().get::<std::sync::Arc<Error>>() {
        Some(error) => {
            crate::problem::log(error, &request_id);
            shape(error, &request_id)
        }
        None => response,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
