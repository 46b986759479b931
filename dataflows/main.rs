//! The program `sluice`.

fn main() -> std::process::ExitCode {
    app::main(dataflows::SLICES)
}
