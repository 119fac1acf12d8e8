//! Every store on AWS.
