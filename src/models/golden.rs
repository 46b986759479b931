//! Models held to the results of upstream's own programs. Without the test data, the tests say so
//! and pass.

mod labels;
mod perplexity;
