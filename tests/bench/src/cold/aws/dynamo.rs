//! DynamoDB's tables in memory: one set of items by `pk` and `sk`, as much of the operations as the
//! functions use.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Answer;
use super::expression::{Expression, Item};

/// Key of an item.
type Key = (String, String);

/// Every item of the one table.
#[derive(Default)]
pub struct Dynamo {
    items: BTreeMap<Key, Item>,
}

/// Why an operation did not happen.
enum Trouble {
    /// The condition did not hold; the item as it is.
    Condition(Option<Item>),
    /// The stand-in does not understand.
    Unknown(String),
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Self::Unknown(what)
    }
}

impl Dynamo {
    /// A table that holds `seeds`.
    pub fn holding(seeds: &[Value]) -> Self {
        let items = seeds
            .iter()
            .filter_map(|seed| Some((key_of(seed).ok()?, seed.as_object()?.clone())))
            .collect();
        Self { items }
    }

    /// Answers `operation`.
    pub fn answer(&mut self, operation: &str, body: &Value) -> Answer {
        let done = match operation {
            "GetItem" => self.get(body),
            "BatchGetItem" => self.get_many(body),
            "Query" => self.query(body),
            "PutItem" | "UpdateItem" | "DeleteItem" => self.write(operation, body),
            "TransactWriteItems" => return self.transact(body),
            _ => Err(Trouble::Unknown("not known here".to_owned())),
        };
        match done {
            Ok(answer) => Answer::Done(answer),
            Err(Trouble::Condition(item)) => Answer::Refused {
                kind: "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                body: json!({ "message": "The conditional request failed", "Item": item }),
            },
            Err(Trouble::Unknown(what)) => {
                Answer::Unknown(format!("DynamoDB {operation}: {what}: {body}"))
            }
        }
    }

    /// One item.
    fn get(&self, body: &Value) -> Result<Value, Trouble> {
        Ok(match self.items.get(&key_of(&body["Key"])?) {
            Some(item) => json!({ "Item": item }),
            None => json!({}),
        })
    }

    /// Several items.
    fn get_many(&self, body: &Value) -> Result<Value, Trouble> {
        let mut responses = Map::new();
        for (table, wanted) in object(&body["RequestItems"])? {
            let mut found = Vec::new();
            for key in array(&wanted["Keys"])? {
                found.extend(self.items.get(&key_of(key)?));
            }
            responses.insert(table.clone(), json!(found));
        }
        Ok(json!({ "Responses": responses, "UnprocessedKeys": {} }))
    }

    /// The items that a key condition finds, in order of their sort keys.
    fn query(&self, body: &Value) -> Result<Value, Trouble> {
        let expression = Expression::of(body);
        let conditions =
            ["KeyConditionExpression", "FilterExpression"].map(|name| text(body, name));
        let mut found = Vec::new();
        for item in self.items.values() {
            let mut holds = true;
            for condition in conditions.into_iter().flatten() {
                holds = holds && expression.holds(condition, item)?;
            }
            if holds {
                found.push(item);
            }
        }
        if body["ScanIndexForward"] == false {
            found.reverse();
        }
        if let Some(limit) = body["Limit"].as_u64() {
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(json!({ "Items": found, "Count": found.len(), "ScannedCount": found.len() }))
    }

    /// One conditional write.
    fn write(&mut self, operation: &str, body: &Value) -> Result<Value, Trouble> {
        let key = match operation {
            "PutItem" | "Put" => key_of(&body["Item"])?,
            _ => key_of(&body["Key"])?,
        };
        let before = self.items.get(&key).cloned();
        let expression = Expression::of(body);
        if let Some(condition) = text(body, "ConditionExpression")
            && !expression.holds(condition, before.as_ref().unwrap_or(&Map::new()))?
        {
            let shown = body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD";
            return Err(Trouble::Condition(before.filter(|_| shown)));
        }
        let after = match operation {
            "PutItem" | "Put" => Some(object(&body["Item"])?.clone()),
            "UpdateItem" | "Update" => {
                let mut item = before.clone().unwrap_or_default();
                for (name, value) in object(&body["Key"])? {
                    item.insert(name.clone(), value.clone());
                }
                expression.update(
                    text(body, "UpdateExpression").unwrap_or_default(),
                    &mut item,
                )?;
                Some(item)
            }
            "DeleteItem" | "Delete" => None,
            "ConditionCheck" => before.clone(),
            _ => return Err(Trouble::Unknown(operation.to_owned())),
        };
        let shown = match text(body, "ReturnValues") {
            None | Some("NONE") => None,
            Some("ALL_OLD" | "UPDATED_OLD") => before,
            Some("ALL_NEW" | "UPDATED_NEW") => after.clone(),
            Some(other) => return Err(Trouble::Unknown(other.to_owned())),
        };
        match after {
            Some(item) => self.items.insert(key, item),
            None => self.items.remove(&key),
        };
        Ok(shown.map_or_else(|| json!({}), |item| json!({ "Attributes": item })))
    }

    /// All writes or none.
    fn transact(&mut self, body: &Value) -> Answer {
        let before = self.items.clone();
        let mut reasons = Vec::new();
        let mut failed = false;
        for step in body["TransactItems"].as_array().into_iter().flatten() {
            let Some((operation, step)) = step.as_object().and_then(|step| step.iter().next())
            else {
                return Answer::Unknown(format!("DynamoDB TransactWriteItems: {body}"));
            };
            match self.write(operation, step) {
                Ok(_) => reasons.push(json!({ "Code": "None" })),
                Err(Trouble::Condition(item)) => {
                    failed = true;
                    reasons.push(json!({ "Code": "ConditionalCheckFailed", "Item": item }));
                }
                Err(Trouble::Unknown(what)) => {
                    return Answer::Unknown(format!("DynamoDB TransactWriteItems: {what}: {body}"));
                }
            }
        }
        if !failed {
            return Answer::Done(json!({}));
        }
        self.items = before;
        Answer::Refused {
            kind: "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            body: json!({ "Message": "Transaction cancelled", "CancellationReasons": reasons }),
        }
    }
}

/// Partition key and sort key of an item or a key.
fn key_of(item: &Value) -> Result<Key, String> {
    let part = |name: &str| {
        let part = item[name]["S"].as_str().map(str::to_owned);
        part.ok_or_else(|| format!("no {name} in {item}"))
    };
    Ok((part("pk")?, part("sk")?))
}

/// A member that is text.
fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body[name].as_str()
}

/// A value that must be an object.
fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("no object: {value}"))
}

/// A value that must be a list.
fn array(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("no list: {value}"))
}
