//! The literals of a Python module: calls, lists, dicts, texts, numbers and names, which is all that a module
//! of data consists of.

/// A value as the module writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `Name(…)`: its name, what stands without a name, what has one.
    Call(String, Vec<Value>, Vec<(String, Value)>),
    List(Vec<Value>),
    Text(String),
    Number(String),
    /// `None`, `True`, a constant; or anything else that no price is made of.
    Name(String),
}

/// Reads the value that a name is given at the top of a module: `name: type = …`.
pub(crate) fn read(module: &str, name: &str) -> Result<Value, String> {
    let start = module.match_indices(&format!("\n{name}")).find_map(|(at, found)| {
        let rest = module.get(at + found.len()..)?;
        let line = rest.lines().next()?;
        let equals = line.find('=')?;
        rest.get(equals + 1..)
    });
    let text = start.ok_or_else(|| format!("the module gives nothing the name `{name}`"))?;
    let mut reader = Reader { text, at: 0 };
    reader.value()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&mut self) -> Option<char> {
        loop {
            let rest = self.rest();
            let skipped = rest.len() - rest.trim_start().len();
            if !rest.trim_start().starts_with('#') {
                self.at += skipped;
                return self.rest().chars().next();
            }
            self.at += skipped + rest.trim_start().find('\n').unwrap_or(rest.len() - skipped);
        }
    }

    fn takes(&mut self, letter: char) -> bool {
        let is = self.peek() == Some(letter);
        if is {
            self.at += letter.len_utf8();
        }
        is
    }

    fn expect(&mut self, letter: char) -> Result<(), String> {
        if self.takes(letter) { Ok(()) } else { Err(self.problem(&format!("expected `{letter}`"))) }
    }

    fn problem(&self, what: &str) -> String {
        let line = self.text.get(..self.at).unwrap_or_default().matches('\n').count() + 1;
        let here: String = self.rest().chars().take(40).collect();
        format!("line {line} of the value: {what}, found `{here}`")
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some('[') => self.items('[', ']').map(Value::List),
            Some('(') => self.items('(', ')').map(Value::List),
            Some('{') => self.dict(),
            Some('\'' | '"') => self.texts().map(Value::Text),
            Some('-' | '0'..='9') => {
                Ok(Value::Number(self.word(|letter| {
                    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '+' | '_')
                })))
            }
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => self.call(),
            _ => Err(self.problem("expected a value")),
        }
    }

    fn word(&mut self, part: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let end = rest.find(|letter| !part(letter)).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default().to_owned();
        self.at += end;
        word
    }

    fn items(&mut self, open: char, close: char) -> Result<Vec<Value>, String> {
        self.expect(open)?;
        let mut items = Vec::new();
        while !self.takes(close) {
            items.push(self.value()?);
            if !self.takes(',') {
                self.expect(close)?;
                break;
            }
        }
        Ok(items)
    }

    /// A dict as a call without a name: its keys are texts wherever it matters.
    fn dict(&mut self) -> Result<Value, String> {
        self.expect('{')?;
        let mut pairs = Vec::new();
        while !self.takes('}') {
            let Value::Text(key) = self.value()? else { return Err(self.problem("keys must be texts")) };
            self.expect(':')?;
            pairs.push((key, self.value()?));
            if !self.takes(',') {
                self.expect('}')?;
                break;
            }
        }
        Ok(Value::Call(String::new(), Vec::new(), pairs))
    }

    fn call(&mut self) -> Result<Value, String> {
        let name = self.word(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.'));
        if !self.takes('(') {
            return Ok(Value::Name(name));
        }
        let (mut plain, mut named) = (Vec::new(), Vec::new());
        while !self.takes(')') {
            let value = self.value()?;
            let key = if let Value::Name(key) = &value { Some(key.clone()) } else { None };
            match key.filter(|_| self.takes('=')) {
                Some(key) => named.push((key, self.value()?)),
                None => plain.push(value),
            }
            if !self.takes(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(Value::Call(name, plain, named))
    }

    /// Texts that stand beside each other are one.
    fn texts(&mut self) -> Result<String, String> {
        let mut whole = String::new();
        while let Some(quote @ ('\'' | '"')) = self.peek() {
            self.at += 1;
            loop {
                let Some(letter) = self.rest().chars().next() else {
                    return Err(self.problem("a text has no end"));
                };
                self.at += letter.len_utf8();
                match letter {
                    letter if letter == quote => break,
                    '\\' => whole.push(self.escaped()?),
                    letter => whole.push(letter),
                }
            }
        }
        Ok(whole)
    }

    fn escaped(&mut self) -> Result<char, String> {
        let Some(letter) = self.rest().chars().next() else { return Err(self.problem("a text has no end")) };
        self.at += letter.len_utf8();
        let digits = match letter {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            '\\' | '\'' | '"' => return Ok(letter),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return Err(self.problem("an escape that is not known")),
        };
        let code = self.rest().get(..digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        self.at += digits;
        code.and_then(char::from_u32).ok_or_else(|| self.problem("an escape that is no character"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_literals_of_a_module_are_read() {
        let module = "from .types import *\n\nthings: list[Thing] = [\n    Thing(\n        id='a\\'b', note=\"x\" 'y',  # a comment\n        \
                      price=Decimal('1.5'), when={'k': 'v'}, on=datetime.date(2026, 1, 2), no=None,\n    ),\n]\n";
        let text = |text: &str| Value::Text(text.to_owned());
        let number = |text: &str| Value::Number(text.to_owned());
        let call = |name: &str, plain: Vec<Value>| Value::Call(name.to_owned(), plain, Vec::new());
        let named = [
            ("id", text("a'b")),
            ("note", text("xy")),
            ("price", call("Decimal", vec![text("1.5")])),
            ("when", Value::Call(String::new(), Vec::new(), vec![("k".to_owned(), text("v"))])),
            ("on", call("datetime.date", vec![number("2026"), number("1"), number("2")])),
            ("no", Value::Name("None".to_owned())),
        ];
        let named = named.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let thing = Value::Call("Thing".to_owned(), Vec::new(), named);
        assert_eq!(read(module, "things").unwrap(), Value::List(vec![thing]));
        assert!(read("x = [Thing(a=]\n", "x").is_err());
        assert!(read("\nx = [Thing(a=]\n", "x").unwrap_err().contains("expected a value"));
    }
}
