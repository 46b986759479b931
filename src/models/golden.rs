//! Compares models with the results of upstream's own programs. Without the test data, the tests
//! print that and pass.

mod labels;
mod perplexity;
