//! A fixed address: for the token fetcher alone, and nothing of it is there unless it is asked for.

use super::functions::differ;
use super::project::{FUNCTION, Project, logical_id};
use serde_json::json;
use std::collections::BTreeSet;

/// The condition under which there is a fixed address.
const CONDITION: &str = "HasFixedEgress";
/// The function that asks vendors for tokens when nobody else may.
const FETCHER: &str = "RefreshTokensFunction";

/// One function goes through the network of ours, all others are told not to fetch, and without the parameter there is
/// no network.
pub(crate) fn fixed(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let inside: BTreeSet<String> = project
        .resources(FUNCTION)
        .filter(|(id, _)| !project.setting(id, "VpcConfig").is_null())
        .map(|(id, _)| id.to_owned())
        .collect();
    differ("functions in the network", &BTreeSet::from([FETCHER.to_owned()]), &inside, &mut wrong);
    let network = project.setting(FETCHER, "VpcConfig");
    if network["Fn::If"][0] != CONDITION || network["Fn::If"][2] != json!({ "Ref": "AWS::NoValue" }) {
        wrong.push(format!("{FETCHER} is in a network that nobody asked for"));
    }
    let expected = json!({ "Fn::If": [CONDITION, "elsewhere", "here"] });
    for function in &project.functions {
        let id = logical_id(function);
        if project.environment(&id).get("TUISONG_TOKEN_FETCH") != Some(&expected) {
            wrong.push(format!("{id} would ask for tokens from an address of its own"));
        }
    }
    for (id, resource) in project.template["Resources"].as_object().into_iter().flatten() {
        let costs = resource["Type"].as_str().is_some_and(|kind| kind.starts_with("AWS::EC2::"));
        if costs && resource["Condition"] != CONDITION {
            wrong.push(format!("{id} is there although nobody asked for a fixed address"));
        }
    }
    if project.template["Parameters"]["FixedEgress"]["Default"] != "none" {
        wrong.push("a fixed address is paid for by default".to_owned());
    }
    wrong
}
