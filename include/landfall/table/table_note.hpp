#pragma once

#include <map>
#include <string>
#include <string_view>

#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/table/identifier.hpp>

namespace landfall {

/// What is written down in the store about a table of ours, in the transaction that makes or changes it: which stream
/// it belongs to, and which of its columns were made for which field. Names that fold into one stay told apart by it,
/// whatever comes and goes. A value.
struct TableNote {
  TableNote() = default;

  TableName final_table;                     ///< of the owner: the table itself, or the one for which rows wait in it
  StreamDescriptor owner;                    ///< as the source spells it
  std::string name_space;                    ///< the owner's own, or the default schema that stood for it
  std::map<Identifier, std::string> fields;  ///< column -> field. The meta columns are not in it
  friend bool operator==(TableNote const&, TableNote const&) = default;
};

/// A note as a store keeps it: JSON in plain text, without NUL, whatever the names of a source have in them. The fields
/// stand by themselves, since there may be many of them.
std::string owner_text(TableNote const& note);
std::string fields_text(TableNote const& note);

/// The note that was kept so. An empty `fields` has none.
/// Errors: Error(config) which names the table: somebody has changed its note.
TableNote note_of(TableName final_table, std::string_view owner, std::string_view fields);

}  // namespace landfall
