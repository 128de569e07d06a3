#pragma once

#include <sqlite3.h>

namespace sqlite {

/// Gives a connection what SQL lacks for values that are kept as text. Tables do not mention any of it, so other
/// programs can read and write every table.
///
/// _landfall_convert(value, from, to):           a stored value of type `from` as one of type `to`; null where nothing
/// of it
///                                               fits. Types are numbers of landfall::ColumnType.
/// _landfall_note(meta, field, value, from, to): the `_airbyte_meta` of its row, with an entry if the value does not
/// fit. _landfall_spelled(value, type):               landfall::one_spelling(). Collations: _landfall_number,
/// _landfall_moment (see text_order.hpp), _landfall_json (see landfall::compare_json()). Returns: a code of SQLite.
int add_functions(sqlite3* database);

}  // namespace sqlite
