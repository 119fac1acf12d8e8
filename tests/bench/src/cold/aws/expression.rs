//! DynamoDB's condition and update expressions, on top-level attributes.
//!
//! Source of the grammar: DynamoDB developer guide, "Condition and filter expressions" and "Update
//! expressions".

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

/// An item: attribute values by name, in DynamoDB's own JSON.
pub type Item = Map<String, Value>;

/// The names and values that a request's expressions refer to.
pub struct Expression<'a> {
    names: &'a Value,
    values: &'a Value,
}

/// An expression being read.
struct Reader<'a> {
    words: Vec<String>,
    place: usize,
    with: &'a Expression<'a>,
    item: &'a Item,
}

/// What was understood, or what was not.
type Understood<T> = Result<T, String>;

impl<'a> Expression<'a> {
    /// The names and values of `body`.
    pub fn of(body: &'a Value) -> Self {
        Self {
            names: &body["ExpressionAttributeNames"],
            values: &body["ExpressionAttributeValues"],
        }
    }

    /// Whether `condition` holds for `item`.
    pub fn holds(&self, condition: &str, item: &Item) -> Understood<bool> {
        let mut reader = self.reader(condition, item);
        let holds = reader.either()?;
        reader.at_end()?;
        Ok(holds)
    }

    /// Applies `update` to `item`; everything read is the item as it was.
    pub fn update(&self, update: &str, item: &mut Item) -> Understood<()> {
        let before = item.clone();
        let mut reader = self.reader(update, &before);
        let mut section = String::new();
        while let Some(word) = reader.peek().map(str::to_owned) {
            let upper = word.to_ascii_uppercase();
            if ["SET", "REMOVE", "ADD"].contains(&upper.as_str()) {
                section = upper;
                reader.place += 1;
                continue;
            }
            if word == "," {
                reader.place += 1;
                continue;
            }
            let name = reader.name()?;
            match section.as_str() {
                "SET" => {
                    reader.expect("=")?;
                    let value = reader.sum()?;
                    item.insert(name, value);
                }
                "REMOVE" => {
                    item.remove(&name);
                }
                "ADD" => {
                    let step = reader.operand()?.ok_or("nothing to add")?;
                    let sum = match before.get(&name) {
                        Some(value) if is_set(value) => united(value, &step)?,
                        Some(value) => add(value, &step, 1)?,
                        None => step,
                    };
                    item.insert(name, sum);
                }
                _ => return Err(format!("the update {update:?}")),
            }
        }
        Ok(())
    }

    /// A reader of `text` over `item`.
    fn reader(&'a self, text: &str, item: &'a Item) -> Reader<'a> {
        Reader {
            words: words(text),
            place: 0,
            with: self,
            item,
        }
    }
}

impl Reader<'_> {
    /// The word that comes next.
    fn peek(&self) -> Option<&str> {
        self.words.get(self.place).map(String::as_str)
    }

    /// Takes the next word if it is `word`, in any case.
    fn take(&mut self, word: &str) -> bool {
        let there = self
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.place += usize::from(there);
        there
    }

    /// Takes the next word, which must be `word`.
    fn expect(&mut self, word: &str) -> Understood<()> {
        match self.take(word) {
            true => Ok(()),
            false => Err(format!("{word:?} expected, {:?} found", self.peek())),
        }
    }

    /// The expression must have ended.
    fn at_end(&self) -> Understood<()> {
        self.peek()
            .map_or(Ok(()), |rest| Err(format!("{rest:?} left over")))
    }

    /// Conditions joined by OR.
    fn either(&mut self) -> Understood<bool> {
        let mut holds = self.both()?;
        while self.take("OR") {
            holds |= self.both()?;
        }
        Ok(holds)
    }

    /// Conditions joined by AND.
    fn both(&mut self) -> Understood<bool> {
        let mut holds = self.one()?;
        while self.take("AND") {
            holds &= self.one()?;
        }
        Ok(holds)
    }

    /// One condition.
    fn one(&mut self) -> Understood<bool> {
        if self.take("NOT") {
            return Ok(!self.one()?);
        }
        if self.take("(") {
            let holds = self.either()?;
            self.expect(")")?;
            return Ok(holds);
        }
        if self
            .words
            .get(self.place + 1)
            .is_some_and(|next| next == "(")
            && let Some(function) = self.peek().map(str::to_owned)
            && function != "size"
        {
            self.place += 2;
            return self.function(&function);
        }
        let left = self.operand()?;
        if self.take("BETWEEN") {
            let low = self.operand()?;
            self.expect("AND")?;
            let high = self.operand()?;
            let within = |a, b| matches!(order(a, b), Some(Ordering::Less | Ordering::Equal));
            return Ok(within(&low, &left) && within(&left, &high));
        }
        if self.take("IN") {
            self.expect("(")?;
            let mut found = false;
            while !self.take(")") {
                found |= left.is_some() && left == self.operand()?;
                self.take(",");
            }
            return Ok(found);
        }
        let comparison = self.peek().unwrap_or_default().to_owned();
        self.place += 1;
        let right = self.operand()?;
        let order = order(&left, &right);
        Ok(match comparison.as_str() {
            "=" => left.is_some() && left == right,
            "<>" => left != right,
            "<" => order == Some(Ordering::Less),
            "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            ">" => order == Some(Ordering::Greater),
            ">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            _ => return Err(format!("the comparison {comparison:?}")),
        })
    }

    /// A function that holds or does not.
    fn function(&mut self, function: &str) -> Understood<bool> {
        let first = self.operand()?;
        let holds = match function {
            "attribute_exists" => first.is_some(),
            "attribute_not_exists" => first.is_none(),
            "begins_with" => {
                self.expect(",")?;
                let second = self.operand()?;
                let text = |value: &Option<Value>| Some(value.as_ref()?["S"].as_str()?.to_owned());
                text(&first)
                    .zip(text(&second))
                    .is_some_and(|(text, start)| text.starts_with(&start))
            }
            "contains" => {
                self.expect(",")?;
                let second = self.operand()?.ok_or("nothing to look for")?;
                first.is_some_and(|within| contains(&within, &second))
            }
            _ => return Err(format!("the function {function:?}")),
        };
        self.expect(")")?;
        Ok(holds)
    }

    /// Operands joined by `+` and `-`; there must be a value.
    fn sum(&mut self) -> Understood<Value> {
        let mut value = self.operand()?.ok_or("an attribute that is not there")?;
        loop {
            let sign = match self.peek() {
                Some("+") => 1,
                Some("-") => -1,
                _ => return Ok(value),
            };
            self.place += 1;
            let step = self.operand()?.ok_or("an attribute that is not there")?;
            value = add(&value, &step, sign)?;
        }
    }

    /// A value, an attribute's value, or what `if_not_exists` gives.
    fn operand(&mut self) -> Understood<Option<Value>> {
        if self.take("if_not_exists") {
            self.expect("(")?;
            let there = self.operand()?;
            self.expect(",")?;
            let otherwise = self.operand()?;
            self.expect(")")?;
            return Ok(there.or(otherwise));
        }
        if self.take("list_append") {
            self.expect("(")?;
            let first = self.operand()?;
            self.expect(",")?;
            let second = self.operand()?;
            self.expect(")")?;
            let list =
                |value: Option<Value>| value.and_then(|value| value["L"].as_array().cloned());
            let lists = list(first).zip(list(second));
            let (first, second) = lists.ok_or("list_append of something that is not a list")?;
            let whole = [first, second].concat();
            return Ok(Some(json!({ "L": whole })));
        }
        if self.peek().is_some_and(|word| word.starts_with(':')) {
            let word = self.peek().unwrap_or_default().to_owned();
            self.place += 1;
            let value = self.with.values.get(&word);
            return value
                .cloned()
                .map(Some)
                .ok_or_else(|| format!("no value {word}"));
        }
        let name = self.name()?;
        Ok(self.item.get(&name).cloned())
    }

    /// The name of an attribute.
    fn name(&mut self) -> Understood<String> {
        let word = self
            .peek()
            .ok_or("an expression that breaks off")?
            .to_owned();
        self.place += 1;
        if word.contains(['.', '[', '(', ')', ',', '=', '<', '>']) {
            return Err(format!("the path {word:?}"));
        }
        if !word.starts_with('#') {
            return Ok(word);
        }
        let name = self.with.names[&word].as_str();
        name.map(str::to_owned)
            .ok_or_else(|| format!("no name {word}"))
    }
}

/// Two numbers added, or subtracted with a `sign` of -1.
fn add(left: &Value, right: &Value, sign: i64) -> Understood<Value> {
    let number = |value: &Value| {
        let number = value["N"]
            .as_str()
            .and_then(|text| text.parse::<i64>().ok());
        number.ok_or_else(|| format!("no whole number: {value}"))
    };
    Ok(json!({ "N": (number(left)? + sign * number(right)?).to_string() }))
}

/// Whether `value` is a set of texts or of numbers.
fn is_set(value: &Value) -> bool {
    value.get("SS").is_some() || value.get("NS").is_some()
}

/// Two sets of one kind as one.
fn united(left: &Value, right: &Value) -> Understood<Value> {
    let kind = if left.get("SS").is_some() { "SS" } else { "NS" };
    let set = |value: &Value| {
        let set = value[kind].as_array().cloned();
        set.ok_or_else(|| format!("no set of the same kind: {value}"))
    };
    let mut all = set(left)?;
    all.extend(
        set(right)?
            .into_iter()
            .filter(|text| !set(left).is_ok_and(|set| set.contains(text))),
    );
    Ok(json!({ kind: all }))
}

/// Whether a set, a list or a text has `part` in it.
fn contains(within: &Value, part: &Value) -> bool {
    let text = part["S"].as_str();
    let in_set = |set: &Vec<Value>| set.iter().any(|member| member.as_str() == text);
    within["SS"].as_array().is_some_and(in_set)
        || within["L"]
            .as_array()
            .is_some_and(|list| list.contains(part))
        || within["S"]
            .as_str()
            .zip(text)
            .is_some_and(|(whole, part)| whole.contains(part))
}

/// How two values of one kind are ordered.
fn order(left: &Option<Value>, right: &Option<Value>) -> Option<Ordering> {
    let (left, right) = (left.as_ref()?, right.as_ref()?);
    let number = |value: &Value| value["N"].as_str()?.parse::<f64>().ok();
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.partial_cmp(&right);
    }
    Some(left["S"].as_str()?.cmp(right["S"].as_str()?))
}

/// The words of an expression: names, values, signs.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let length = match rest {
            _ if rest.starts_with("<=") || rest.starts_with(">=") || rest.starts_with("<>") => 2,
            _ if rest.starts_with(['(', ')', ',', '=', '<', '>', '+', '-']) => 1,
            _ => rest
                .find(|c: char| c.is_whitespace() || "(),=<>+-".contains(c))
                .unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(length);
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}
