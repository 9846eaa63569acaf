//! What is compared: the template, the table of functions, the binaries, and the page for operators.

use gateway::Function;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Everything that has to agree. Tests change a copy of it to see that a rule notices.
#[derive(Clone)]
pub(crate) struct Project {
    /// `template.yaml`, its short tags spelled out (`!Ref X` is `{"Ref": "X"}`).
    pub(crate) template: Value,
    /// The table of functions.
    pub(crate) functions: Vec<Function>,
    /// Text of `functions/src/bin/<name>.rs`, by name.
    pub(crate) binaries: BTreeMap<String, String>,
    /// `[[bin]]` entries of the manifest.
    pub(crate) manifest: BTreeSet<String>,
    /// Which function the constant at a path is: `functions::page::FUNCTION` → `page`.
    pub(crate) constants: BTreeMap<String, String>,
    /// Text of `docs/operations.md`.
    pub(crate) operations: String,
}

impl Project {
    /// The project as it is.
    pub(crate) fn read() -> Self {
        Self {
            template: parse(&text("template.yaml")),
            functions: ::functions::routes::ALL.to_vec(),
            binaries: binaries(),
            manifest: manifest(&text("functions/Cargo.toml")),
            constants: constants(),
            // A page that is missing has no anchors; the rules on alarms say so.
            operations: fs::read_to_string(root().join("docs/operations.md")).unwrap_or_default(),
        }
    }

    /// Resources of one type: logical id and properties.
    pub(crate) fn resources<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self.template["Resources"].as_object().into_iter().flatten();
        resources
            .filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }

    /// Properties of one resource; null when there is none of that id and type.
    pub(crate) fn properties(&self, kind: &str, id: &str) -> &Value {
        let resource = &self.template["Resources"][id];
        if resource["Type"] == kind { &resource["Properties"] } else { &Value::Null }
    }

    /// A setting of a function, its own or the one for all.
    pub(crate) fn setting(&self, function: &str, name: &str) -> &Value {
        let own = &self.properties(FUNCTION, function)[name];
        if own.is_null() { &self.template["Globals"]["Function"][name] } else { own }
    }

    /// The environment variables of a function, its own over those for all.
    pub(crate) fn environment(&self, function: &str) -> BTreeMap<String, Value> {
        let variables = |settings: &Value| {
            settings["Environment"]["Variables"].as_object().cloned().unwrap_or_default().into_iter()
        };
        variables(&self.template["Globals"]["Function"]).chain(variables(self.properties(FUNCTION, function))).collect()
    }

    /// A value of the template where every parameter has its default: the last branch of an `!If`.
    pub(crate) fn by_default(value: &Value) -> &Value {
        match value["Fn::If"].as_array() {
            Some(branches) => branches.last().map_or(value, Self::by_default),
            None => value,
        }
    }

    /// The events of a function that are of one type: name and properties.
    pub(crate) fn events(&self, function: &str, kind: &str) -> Vec<(String, Value)> {
        let events = self.properties(FUNCTION, function)["Events"].as_object().cloned().unwrap_or_default();
        let of_kind = events.into_iter().filter(|(_, event)| event["Type"] == kind);
        of_kind.map(|(name, event)| (name, event["Properties"].clone())).collect()
    }
}

/// The type of our functions.
pub(crate) const FUNCTION: &str = "AWS::Serverless::Function";

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of a file of the repository.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `wxpusher-send` → `WxpusherSend`.
pub(crate) fn camel_case(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    };
    name.split('-').filter(|word| !word.is_empty()).map(capital).collect()
}

/// The logical id of a function.
pub(crate) fn logical_id(function: &Function) -> String {
    format!("{}Function", camel_case(function.name))
}

/// `!Ref id`.
pub(crate) fn reference(id: &str) -> Value {
    json!({ "Ref": id })
}

/// `!GetAtt id.attribute`.
pub(crate) fn attribute(id: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [id, attribute] })
}

/// Parses YAML with CloudFormation's tags.
pub(crate) fn parse(yaml: &str) -> Value {
    spelled_out(serde_norway::from_str(yaml).expect("template.yaml is YAML"))
}

fn spelled_out(value: serde_norway::Value) -> Value {
    use serde_norway::Value as Yaml;
    match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::Number(number) => serde_json::to_value(number).expect("a YAML number is a JSON number"),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(values) => values.into_iter().map(spelled_out).collect(),
        Yaml::Mapping(fields) => {
            let name = |key: Yaml| key.as_str().expect("keys are text").to_owned();
            Value::Object(fields.into_iter().map(|(key, value)| (name(key), spelled_out(value))).collect())
        }
        Yaml::Tagged(tagged) => {
            let value = spelled_out(tagged.value);
            let (name, value) = match (tagged.tag.to_string().trim_start_matches('!'), value) {
                ("Ref", value) => ("Ref".to_owned(), value),
                ("Condition", value) => ("Condition".to_owned(), value),
                ("GetAtt", Value::String(path)) => {
                    let (id, attribute) = path.split_once('.').expect("!GetAtt id.attribute");
                    ("Fn::GetAtt".to_owned(), json!([id, attribute]))
                }
                (other, value) => (format!("Fn::{other}"), value),
            };
            Value::Object(Map::from_iter([(name, value)]))
        }
    }
}

fn binaries() -> BTreeMap<String, String> {
    let folder = "functions/src/bin";
    let names = fs::read_dir(root().join(folder)).expect("the folder of binaries").map(|entry| {
        let name = entry.expect("an entry of the folder of binaries").file_name();
        name.to_string_lossy().into_owned()
    });
    names.map(|file| (file.trim_end_matches(".rs").to_owned(), text(&format!("{folder}/{file}")))).collect()
}

fn manifest(toml: &str) -> BTreeSet<String> {
    let sections = toml.split("[[bin]]").skip(1);
    let name = |section: &str| {
        let own = section.split("\n[").next().unwrap_or_default();
        let line = own.lines().find_map(|line| line.strip_prefix("name = ")).expect("a [[bin]] has a name");
        line.trim_matches('"').to_owned()
    };
    sections.map(name).collect()
}

fn constants() -> BTreeMap<String, String> {
    let source = root().join("functions/src");
    let mut constants = BTreeMap::new();
    for file in rust_files(&source) {
        let text = fs::read_to_string(&file).expect("a source file");
        let Some((_, declared)) = text.split_once("pub const FUNCTION: Function =") else { continue };
        let name = declared.split('"').nth(1).expect("a function's name").to_owned();
        let path = file.strip_prefix(&source).expect("below the sources").with_extension("");
        let rooms: Vec<_> = path.iter().map(|room| room.to_string_lossy()).filter(|room| room != "mod").collect();
        constants.insert(format!("functions::{}::FUNCTION", rooms.join("::")), name);
    }
    constants
}

/// Every Rust file below `folder`.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of a source folder").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
