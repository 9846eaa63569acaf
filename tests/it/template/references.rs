//! References: whatever the template names is there.

use super::project::Project;
use serde_json::Value;
use std::collections::BTreeSet;

/// Every `Ref`, `GetAtt`, `Sub` and `If` names a resource, a parameter or a condition of the template.
pub(crate) fn resolve(project: &Project) -> Vec<String> {
    let keys = |section: &str| -> BTreeSet<String> {
        project.template[section].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let (resources, parameters, conditions) = (keys("Resources"), keys("Parameters"), keys("Conditions"));
    let mut named = Vec::new();
    collect(&project.template, &mut named);
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for name in named {
        let there = match &name {
            Named::Value(id) => resources.contains(id) || parameters.contains(id) || id.starts_with("AWS::"),
            Named::Attribute(id) => resources.contains(id),
            Named::Condition(id) => conditions.contains(id),
        };
        let (Named::Value(id) | Named::Attribute(id) | Named::Condition(id)) = name;
        if !there {
            wrong.push(format!("{id} does not exist"));
        }
        used.insert(id);
    }
    let idle = parameters.union(&conditions).filter(|name| !used.contains(*name));
    wrong.extend(idle.map(|name| format!("{name} is used by nothing")));
    wrong
}

enum Named {
    Value(String),
    Attribute(String),
    Condition(String),
}

fn collect(value: &Value, named: &mut Vec<Named>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, named)),
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("Ref", Value::String(id)) => named.push(Named::Value(id.clone())),
                    ("Fn::GetAtt", Value::Array(path)) => {
                        named.extend(path.first().and_then(Value::as_str).map(|id| Named::Attribute(id.to_owned())));
                    }
                    ("Fn::Sub", Value::String(text)) => {
                        for part in text.split("${").skip(1) {
                            let name = part.split('}').next().unwrap_or_default();
                            named.push(match name.split_once('.') {
                                Some((id, _)) => Named::Attribute(id.to_owned()),
                                None => Named::Value(name.to_owned()),
                            });
                        }
                    }
                    ("Fn::If", Value::Array(branches)) => {
                        let condition = branches.first().and_then(Value::as_str);
                        named.extend(condition.map(|id| Named::Condition(id.to_owned())));
                        branches.iter().skip(1).for_each(|branch| collect(branch, named));
                    }
                    // On a resource; in a policy it is an object.
                    ("Condition", Value::String(id)) => named.push(Named::Condition(id.clone())),
                    _ => collect(value, named),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
