//! Prints due dates of a contract file as JSON Lines: `contract_due FILE FROM TO`.

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let source = std::fs::read_to_string(&args[0]).expect("the file can be read");
    match mamori_contract::Contract::parse(&args[0], &source) {
        Ok((contract, _)) => {
            let day = |text: &String| text.parse().expect("dates are ISO");
            for due in contract.due(day(&args[1]), day(&args[2])) {
                println!("{}", serde_json::to_string(&due).expect("a due date is JSON"));
            }
        }
        Err(report) => println!("{report}"),
    }
}
