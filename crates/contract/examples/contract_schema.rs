//! Prints the JSON Schema of the language, as `mamori contract schema` does.

fn main() {
    print!("{}", mamori_contract::schema::schema_text());
}
