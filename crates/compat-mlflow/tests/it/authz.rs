use pitcrew_compat_mlflow::routes;
use pitcrew_testkit::stranger_is_refused;

use crate::Wire;

#[tokio::test]
async fn strangers_reach_only_what_is_public() {
    let wire = Wire::each().await.remove(0);
    stranger_is_refused(&wire.world, routes(wire.door.clone())).await;
    let api = routes(wire.door.clone());
    let public: Vec<&str> = api
        .routes()
        .iter()
        .filter(|route| route.access == pitcrew_kernel::Access::Public)
        .map(|route| route.path.as_str())
        .collect();
    assert_eq!(public, ["/health", "/version", "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"]);
}
