//! Stories about moments. `read` and `when` are the only places that know the API; the tests are data.

use super::*;
