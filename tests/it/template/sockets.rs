//! The WebSocket API: its routes are those of the functions, each is wired to its own and nothing is logged of a frame.

use super::functions::differ;
use super::project::{FUNCTION, Project, logical_id, reference};
use gateway::Kind;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ROUTE: &str = "AWS::ApiGatewayV2::Route";
const INTEGRATION: &str = "AWS::ApiGatewayV2::Integration";
const PERMISSION: &str = "AWS::Lambda::Permission";
const RESPONSE: &str = "AWS::ApiGatewayV2::RouteResponse";
const STAGE: &str = "AWS::ApiGatewayV2::Stage";

/// Every route leads to the function of its key, may call it, and answers where the function's answer is to be heard.
pub(crate) fn routes(project: &Project) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut expected, mut found) = (BTreeSet::new(), BTreeSet::new());
    for function in &project.functions {
        let Kind::Socket { route, .. } = function.kind else { continue };
        let (id, key) = (logical_id(function), route.key());
        expected.insert(format!("{key} to {id}"));
        let source =
            format!("arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{OwnApi}}/*/{key}");
        let may_call = |permission: &Value| {
            permission["Action"] == "lambda:InvokeFunction"
                && permission["Principal"] == "apigateway.amazonaws.com"
                && permission["FunctionName"] == reference(&id)
                && permission["SourceArn"] == json!({ "Fn::Sub": source })
        };
        if !project.resources(PERMISSION).any(|(_, permission)| may_call(permission)) {
            wrong.push(format!("{id}: the WebSocket API may not call it, or others may"));
        }
    }
    for (id, route) in project.resources(ROUTE) {
        if route["ApiId"] != reference("OwnApi") {
            wrong.push(format!("{id}: not a route of our WebSocket API"));
        }
        let target = route["Target"]["Fn::Sub"].as_str().unwrap_or_default();
        let integration = target.trim_start_matches("integrations/${").trim_end_matches('}');
        let uri = project.properties(INTEGRATION, integration)["IntegrationUri"]["Fn::Sub"].as_str();
        let function = uri.and_then(|uri| uri.split("functions/${").nth(1)).and_then(|rest| rest.split(".Arn").next());
        let key = route["RouteKey"].as_str().unwrap_or_default();
        found.insert(format!("{key} to {}", function.unwrap_or("nothing")));
        let answers =
            |response: &Value| response["RouteId"] == reference(id) && response["RouteResponseKey"] == "$default";
        let answered = project.resources(RESPONSE).any(|(_, response)| answers(response));
        if (key == "$default") != (answered && route["RouteResponseSelectionExpression"] == "$default") {
            wrong.push(format!("{id}: the function's answer goes nowhere, or where nobody hears it"));
        }
    }
    differ("routes of the WebSocket API", &expected, &found, &mut wrong);
    for (id, stage) in project.resources(STAGE) {
        let settings = &stage["DefaultRouteSettings"];
        if settings["DataTraceEnabled"] != false || !stage["AccessLogSettings"].is_null() {
            wrong.push(format!("{id}: logs frames, which hold tokens"));
        }
        if settings["ThrottlingRateLimit"].as_u64().is_none() || stage["AutoDeploy"] != true {
            wrong.push(format!("{id}: has no throttle, or is not deployed"));
        }
    }
    if project.resources(STAGE).count() != 1 || project.resources(FUNCTION).count() == 0 {
        wrong.push("the WebSocket API has no stage".to_owned());
    }
    wrong
}
