//! Messages of the contract as JSON, so that rows and what events tell of them can be compared
//! field by field, whatever fields there are.

use std::sync::LazyLock;

use jiff::Timestamp;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Value, json};

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(potts::proto::DESCRIPTORS).unwrap());

/// A message with all its fields, by their names in the contract.
pub fn of(name: &str, message: &impl Message) -> Value {
    let descriptor = POOL.get_message_by_name(&format!("potts.v1.{name}")).unwrap();
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap();
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false)
        .stringify_64_bit_integers(false);
    message.serialize_with_options(serde_json::value::Serializer, &options).unwrap()
}

/// The names of the requests of the contract that have a field of that name.
pub fn requests_with(field: &str) -> impl Iterator<Item = String> {
    let methods = POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let requests = methods.map(|method| method.input());
    let with_field = requests.filter(move |request| request.get_field_by_name(field).is_some());
    with_field.map(|request| request.name().to_owned())
}

/// A value as both sides say it: what is empty is nothing, a number is a number, a time is a time,
/// and the value of an enum has no prefix.
pub fn plain(field: &str, value: &Value) -> Value {
    let is_empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text.ends_with("_UNSPECIFIED"),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) => false,
    };
    if is_empty {
        return Value::Null;
    }
    let prefix = match field {
        "state" => "_STATE_",
        "category" => "_CATEGORY_",
        "blocked_reason" => "_REASON_",
        "satisfy" => "SATISFY_",
        "role" => "_ROLE_",
        _ => "",
    };
    if let (Value::String(text), false) = (value, prefix.is_empty()) {
        return json!(text.split_once(prefix).map_or(text.as_str(), |(_, name)| name));
    }
    // An error holds fields of its own.
    if let (Value::Object(fields), true) = (value, field.ends_with("error")) {
        let fields = fields.iter().map(|(name, value)| (name.clone(), plain(name, value)));
        return fields.filter(|(_, value)| !value.is_null()).collect();
    }
    exact(value)
}

fn exact(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => json!(time.to_string()),
            Err(_) => value.clone(),
        },
        Value::Array(items) => items.iter().map(exact).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), exact(value))).collect()
        }
        Value::Null | Value::Bool(_) => value.clone(),
    }
}
