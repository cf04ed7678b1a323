//! Checks contract files without building the whole binary: `cargo run -p mamori-contract
//! --example contract_check -- contracts/*.toml`. The binary's `mamori contract check` does more.

fn main() -> std::process::ExitCode {
    let mut failed = false;
    for file in std::env::args().skip(1) {
        let source = match std::fs::read_to_string(&file) {
            Ok(source) => source,
            Err(error) => {
                eprintln!("{file}: {error}");
                return std::process::ExitCode::FAILURE;
            }
        };
        match mamori_contract::parse::parse(&file, &source) {
            Ok((contract, report)) => {
                println!("{report}");
                println!("{file}: {} 行", contract.obligation.len());
            }
            Err(report) => {
                println!("{report}");
                failed = true;
            }
        }
    }
    if failed { std::process::ExitCode::FAILURE } else { std::process::ExitCode::SUCCESS }
}
