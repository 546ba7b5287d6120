//! Commands and claims in the documents, checked against the program.

mod pages;
