//! What the API lets through: a limit for everything, and a lower one for the operator's API, which strangers try.

use super::project::Project;
use gateway::Kind;

/// The route that has limits of its own.
const ADMIN: &str = "ANY /admin/{path+}";

/// Both limits are there, the operator's API has the lower one, and no limit is for a route that there is not.
pub(crate) fn limits(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let api = &project.template["Resources"]["HttpApi"]["Properties"];
    let (everything, routes) = (&api["DefaultRouteSettings"], &api["RouteSettings"]);
    for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
        match (everything[limit].as_u64(), routes[ADMIN][limit].as_u64()) {
            (Some(all), Some(admin)) if admin > 0 && admin < all => {}
            found => wrong.push(format!("{limit} of everything and of the operator's API: {found:?}")),
        }
    }
    let known: Vec<String> = project
        .functions
        .iter()
        .flat_map(|function| match function.kind {
            Kind::Http { routes, .. } => routes,
            Kind::Queue { .. } | Kind::Schedule { .. } | Kind::Socket { .. } => &[],
        })
        .map(|route| format!("{} {}", route.method.as_str(), route.path))
        .collect();
    for route in routes.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if !known.contains(route) {
            wrong.push(format!("`{route}` has a limit and is no route"));
        }
    }
    wrong
}
