#include "settings.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace postgres {
namespace {

using boost::json::object;
using boost::json::value;
using landfall::Error;
using landfall::ErrorClass;
using ::testing::HasSubstr;
using ::testing::Not;

/// All there is, and secrets in it.
object whole() {
  return object{{"host", "db.example"},
                {"port", 5433},
                {"database", "warehouse"},
                {"schema", "lake"},
                {"username", "loader"},
                {"password", "s3cret-password"},
                {"ssl_mode",
                 {{"mode", "verify-full"},
                  {"ca_certificate", "s3cret-ca"},
                  {"client_certificate", "s3cret-certificate"},
                  {"client_key", "s3cret-key"},
                  {"client_key_password", "s3cret-key-password"}}},
                {"jdbc_url_params", "ApplicationName=my%20app&tcpKeepAlive=true&targetServerType=primary"},
                {"raw_data_only", true},
                {"drop_cascade", true},
                {"soft_deletes", true},
                {"connections", 7},
                {"connect_timeout_seconds", 8},
                {"reconnect_seconds", 9},
                {"statement_timeout_seconds", 10},
                {"lock_timeout_seconds", 11},
                {"tunnel_method", {{"tunnel_method", "NO_TUNNEL"}}}};
}

Settings settings_of(object const& members) { return postgres::settings_of(landfall::Configuration(members)); }

TEST(PostgresSettings, AllIsTakenOver) {
  Settings const settings = settings_of(whole());
  EXPECT_EQ(settings.host, "db.example");
  EXPECT_EQ(settings.port, "5433");
  EXPECT_EQ(settings.database, "warehouse");
  EXPECT_EQ(settings.schema, "lake");
  EXPECT_EQ(settings.username, "loader");
  EXPECT_EQ(settings.password, "s3cret-password");
  EXPECT_EQ(settings.tls.mode, "verify-full");
  EXPECT_EQ(settings.tls.ca_certificate, "s3cret-ca");
  EXPECT_EQ(settings.tls.client_certificate, "s3cret-certificate");
  EXPECT_EQ(settings.tls.client_key, "s3cret-key");
  EXPECT_EQ(settings.tls.client_key_password, "s3cret-key-password");
  ASSERT_EQ(settings.more.size(), 3U);
  EXPECT_EQ(settings.more[0].name + "=" + settings.more[0].value, "application_name=my app");
  EXPECT_EQ(settings.more[1].name + "=" + settings.more[1].value, "keepalives=1");
  EXPECT_EQ(settings.more[2].name + "=" + settings.more[2].value, "target_session_attrs=read-write");
  EXPECT_TRUE(settings.raw_data_only);
  EXPECT_TRUE(settings.drop_cascade);
  EXPECT_TRUE(settings.soft_deletes);
  EXPECT_EQ(settings.connections, 7);
  EXPECT_EQ(settings.connect_timeout_seconds, 8);
  EXPECT_EQ(settings.reconnect_seconds, 9);
  EXPECT_EQ(settings.statement_timeout_seconds, 10);
  EXPECT_EQ(settings.lock_timeout_seconds, 11);
}

TEST(PostgresSettings, LittleIsNeeded) {
  Settings const settings = settings_of({{"host", "h"}, {"database", "d"}, {"username", "u"}});
  EXPECT_EQ(settings.port, "5432");
  EXPECT_EQ(settings.schema, "public");
  EXPECT_EQ(settings.password, "");
  EXPECT_EQ(settings.tls.mode, "prefer");
  EXPECT_FALSE(settings.raw_data_only);
  EXPECT_FALSE(settings.drop_cascade);
}

TEST(PostgresSettings, WhatOlderConfigurationsSay) {
  object members{{"host", "h"}, {"database", "d"}, {"username", "u"}, {"ssl", true}, {"disable_type_dedupe", true}};
  EXPECT_EQ(settings_of(members).tls.mode, "require");
  EXPECT_TRUE(settings_of(members).raw_data_only);
  members["ssl"] = false;
  EXPECT_EQ(settings_of(members).tls.mode, "disable");
  members["ssl_mode"] = object{{"mode", "allow"}};
  EXPECT_EQ(settings_of(members).tls.mode, "allow");
}

struct BadValue {
  std::string member;  // "ssl_mode.mode": of a section
  std::string json;
  std::string complaint;  // a part of it, beside the name
};

void set(object& members, std::string const& name, value const& to) {
  std::size_t const point = name.find('.');
  if (point == std::string::npos) {
    members[name] = to;
  } else {
    set(members[name.substr(0, point)].as_object(), name.substr(point + 1), to);
  }
}

TEST(PostgresSettings, ABadValueIsNamedAndSecretsAreNot) {
  std::vector<BadValue> const values = {
      {"host", R"(null)", ""},
      {"host", R"("")", "empty"},
      {"host", R"(5)", ""},
      {"host", R"("s3cret\u0000")", "NUL"},
      {"port", R"(0)", "from 1 to 65535"},
      {"port", R"(65536)", "from 1 to 65535"},
      {"port", R"("s3cret")", ""},
      {"port", R"(-1)", "from 1"},
      {"database", R"("")", "empty"},
      {"database", R"("s3cret\u0000")", "NUL"},
      {"schema", R"("")", "empty"},
      {"schema", R"("s3cret\u0000")", "NUL"},
      {"schema", R"([])", ""},
      {"username", R"("")", "empty"},
      {"username", R"("s3cret\u0000")", "NUL"},
      {"password", R"("s3cret\u0000")", "NUL"},
      {"password", R"({"s3cret": 1})", ""},
      {"ssl_mode", R"("s3cret")", ""},
      {"ssl_mode.mode", R"("s3cret")", "must be one of disable, allow"},
      {"ssl_mode.ca_certificate", R"("")", "PEM"},
      {"ssl_mode.client_key", R"("")", "needed together"},
      {"ssl_mode.client_certificate", R"("")", "needed together"},
      {"ssl_mode.client_key_password", R"("s3cret\u0000")", "NUL"},
      {"jdbc_url_params", R"("options=%00")", "options has a NUL"},
      {"jdbc_url_params", R"("sslmode=s3cret")", "sslmode must be one of disable, allow"},
      {"jdbc_url_params", R"("sslmode=disable")", "ssl_mode.mode and sslmode in jdbc_url_params contradict"},
      {"jdbc_url_params", R"("connectTimeout=s3cret")", "connectTimeout must be a whole number of seconds"},
      {"jdbc_url_params", R"("connectTimeout=-1")", "connectTimeout must be a whole number of seconds"},
      {"jdbc_url_params", R"("loginTimeout=9")", "connect_timeout_seconds and connectTimeout or loginTimeout"},
      {"jdbc_url_params", R"("socketTimeout=9")", "statement_timeout_seconds and socketTimeout"},
      {"jdbc_url_params", R"("targetServerType=s3cret")", "targetServerType must be one of any, primary"},
      {"jdbc_url_params", R"("tcpKeepAlive=s3cret")", "tcpKeepAlive must be one of true, false"},
      {"cdc_deletion_mode", R"("s3cret")", "must be \"Hard delete\" or \"Soft delete\""},
      {"cdc_deletion_mode", R"("Hard delete")", "soft_deletes and cdc_deletion_mode contradict"},
      {"cdc_deletion_mode", R"(true)", "a string"},
      {"disable_type_dedupe", R"(false)", "raw_data_only and disable_type_dedupe contradict"},
      {"raw_data_only", R"("s3cret")", ""},
      {"drop_cascade", R"(1)", ""},
      {"soft_deletes", R"("yes")", ""},
      {"connections", R"(0)", "from 1 to 64"},
      {"connections", R"(65)", "from 1 to 64"},
      {"connect_timeout_seconds", R"(0)", "from 1"},
      {"connect_timeout_seconds", R"(2147484)", "from 1 to 2147483"},
      {"reconnect_seconds", R"(-1)", "from 0"},
      {"statement_timeout_seconds", R"(-1)", "from 0"},
      {"lock_timeout_seconds", R"(1e300)", ""},
      {"tunnel_method.tunnel_method", R"("SSH_KEY_AUTH")", "ssh -L"},
      {"tunnel_method", R"(3)", ""},
  };
  for (BadValue const& bad : values) {
    SCOPED_TRACE(bad.member + " = " + bad.json);
    object members = whole();
    set(members, bad.member, boost::json::parse(bad.json));
    try {
      settings_of(members);
      ADD_FAILURE() << "taken";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_THAT(error.what(), HasSubstr(bad.member.substr(0, bad.member.find(".tunnel"))));
      EXPECT_THAT(error.what(), HasSubstr(bad.complaint));
      EXPECT_THAT(error.what(), Not(HasSubstr("s3cret")));
    }
  }
}

/// The shortest configuration, with more members.
object with_more(object more) {
  object members{{"host", "h"}, {"database", "d"}, {"username", "u"}};
  for (auto& [name, member] : more) members[name] = std::move(member);
  return members;
}

struct Told {
  std::vector<std::string> infos;
  std::vector<std::string> warnings;
};

/// Whatever is told of a configuration, by the connector and about members that it did not read.
Told told_of(object const& more) {
  landfall::Configuration const configuration(with_more(more));
  Told told;
  configuration.notices().listen([&told](landfall::Notice const& notice) {
    (notice.level == landfall::Notice::Level::info ? told.infos : told.warnings).push_back(notice.text);
  });
  postgres::settings_of(configuration);
  configuration.warn_of_unknown_members(postgres::specification().connection_specification);
  configuration.notices().listen(nullptr);
  return told;
}

std::string parameters_of(std::string const& jdbc_url_params) {
  std::string text;
  for (auto const& [name, its_value] : settings_of(with_more({{"jdbc_url_params", jdbc_url_params}})).more) {
    text += name + "=" + its_value + ";";
  }
  return text;
}

TEST(PostgresSettings, ParametersOfAJdbcUrlMeanTheSameHere) {
  EXPECT_EQ(parameters_of(""), "");
  EXPECT_EQ(parameters_of("&&ApplicationName = sync &"), "application_name=sync;");
  EXPECT_EQ(parameters_of("tcpKeepAlive=false"), "keepalives=0;");
  EXPECT_EQ(parameters_of("targetServerType=any"), "target_session_attrs=any;");
  for (auto const* const type : {"primary", "master", "preferPrimary"}) {
    EXPECT_EQ(parameters_of(std::string("targetServerType=") + type), "target_session_attrs=read-write;") << type;
  }
  EXPECT_EQ(parameters_of("options=-c%20geqo=off&currentSchema=%22my%20lake%22,public"),
            R"(options=-c geqo=off -c search_path="my\ lake",public;)");
  EXPECT_EQ(parameters_of("gssEncMode=allow&channelBinding=require&sslrootcert=/ca.pem"),
            "gssencmode=prefer;channel_binding=require;sslrootcert=/ca.pem;");
  EXPECT_EQ(parameters_of("connectTimeout=30&socketTimeout=40&sslmode=allow&prepareThreshold=0"), "");
}

TEST(PostgresSettings, ParametersOfAJdbcUrlThatAreSettingsHere) {
  auto settings = settings_of(with_more({{"jdbc_url_params", "sslmode=require&connectTimeout=30&socketTimeout=40"}}));
  EXPECT_EQ(settings.tls.mode, "require");
  EXPECT_EQ(settings.connect_timeout_seconds, 30);
  EXPECT_EQ(settings.statement_timeout_seconds, 40);
  settings = settings_of(with_more({{"jdbc_url_params", "connectTimeout=30&loginTimeout=60&ssl=true"}}));
  EXPECT_EQ(settings.connect_timeout_seconds, 60);
  EXPECT_EQ(settings.tls.mode, "require");
  EXPECT_EQ(settings_of(with_more({{"jdbc_url_params", "sslmode=verify-ca&sslrootcert=/ca.pem"}})).tls.mode,
            "verify-ca");
  EXPECT_EQ(settings_of(with_more({{"jdbc_url_params", "connectTimeout=0"}})).connect_timeout_seconds, 15);
}

TEST(PostgresSettings, WhatIsSaidTwiceMayAgree) {
  auto const settings = settings_of(with_more({{"ssl", false},
                                               {"ssl_mode", {{"mode", "disable"}}},
                                               {"soft_deletes", true},
                                               {"cdc_deletion_mode", "Soft delete"},
                                               {"raw_data_only", true},
                                               {"disable_type_dedupe", true},
                                               {"connect_timeout_seconds", 30},
                                               {"jdbc_url_params", "sslmode=disable&connectTimeout=30"}}));
  EXPECT_EQ(settings.tls.mode, "disable");
  EXPECT_TRUE(settings.soft_deletes);
  EXPECT_TRUE(settings.raw_data_only);
}

TEST(PostgresSettings, TheEncryptionOfAJdbcUrlCountsAgainstAnOlderSetting) {
  EXPECT_EQ(settings_of(with_more({{"ssl", false}, {"jdbc_url_params", "sslmode=require"}})).tls.mode, "require");
  EXPECT_EQ(settings_of(with_more({{"ssl", true}, {"jdbc_url_params", "sslmode=prefer"}})).tls.mode, "prefer");
  EXPECT_THROW(settings_of(with_more({{"ssl", true}, {"jdbc_url_params", "sslmode=disable"}})), Error);
}

TEST(PostgresSettings, TheDeletionModeOfAirbytesOwnDestinationCounts) {
  EXPECT_TRUE(settings_of(with_more({{"cdc_deletion_mode", "Soft delete"}})).soft_deletes);
  EXPECT_FALSE(settings_of(with_more({{"cdc_deletion_mode", "Hard delete"}})).soft_deletes);
  EXPECT_FALSE(settings_of(with_more({{"cdc_deletion_mode", nullptr}})).soft_deletes);
}

TEST(PostgresSettings, AConfigurationOfAirbytesOwnDestinationIsTakenWithoutAWarning) {
  auto const told = told_of({{"port", 5432},
                             {"schema", "public"},
                             {"password", "s3cret"},
                             {"ssl", false},
                             {"ssl_mode", {{"mode", "disable"}}},
                             {"tunnel_method", {{"tunnel_method", "NO_TUNNEL"}}},
                             {"raw_data_schema", "airbyte_internal"},
                             {"disable_type_dedupe", false},
                             {"drop_cascade", false},
                             {"unconstrained_number", true},
                             {"cdc_deletion_mode", "Soft delete"},
                             {"jdbc_url_params", "sslmode=disable&connectTimeout=30"}});
  EXPECT_THAT(told.warnings, ::testing::IsEmpty());
  ASSERT_EQ(told.infos.size(), 1U);
  EXPECT_THAT(told.infos[0], HasSubstr("raw_data_schema has no meaning here"));
}

struct MeaninglessMember {
  char const* name;
  value given;
  object beside;
};

TEST(PostgresSettings, EachMemberWithoutMeaningIsToldOnce) {
  object const disabled{{"ssl_mode", {{"mode", "disable"}}}};
  std::vector<MeaninglessMember> const members = {
      {"raw_data_schema", "x", {}},
      {"internal_table_schema", "x", {}},
      {"unconstrained_number", false, {}},
      {"ssl", true, disabled},
      {"ssl", false, {{"ssl_mode", {{"mode", "require"}}}}},
      {"ssl_mode.ca_certificate", "s3cret", disabled},
      {"ssl_mode.client_key_password", "s3cret", disabled},
      {"tunnel_method.tunnel_host", "x", {{"tunnel_method", {{"tunnel_method", "NO_TUNNEL"}}}}},
      {"tunnel_method.ssh_key", "s3cret", {{"tunnel_method", {{"tunnel_method", "NO_TUNNEL"}}}}}};
  for (auto const& member : members) {
    SCOPED_TRACE(member.name);
    object more = member.beside;
    set(more, member.name, member.given);
    auto const told = told_of(more);
    EXPECT_THAT(told.warnings, ::testing::IsEmpty());
    ASSERT_EQ(told.infos.size(), 1U);
    EXPECT_THAT(told.infos[0], HasSubstr(std::string(member.name) + " has no meaning here"));
    EXPECT_THAT(told.infos[0], Not(HasSubstr("s3cret")));
  }
}

TEST(PostgresSettings, AnUnknownMemberOrParameterIsAWarningWithoutItsValue) {
  for (auto const* const name : {"soft_delete", "ssl_mode.client_kye", "tunnel_method.host", "landfal"}) {
    object more{{"ssl_mode", {{"mode", "require"}}}, {"tunnel_method", object()}};
    set(more, name, "s3cret");
    auto const told = told_of(more);
    ASSERT_EQ(told.warnings.size(), 1U) << name;
    EXPECT_THAT(told.warnings[0], HasSubstr(std::string(name) + " is not a setting"));
    EXPECT_THAT(told.warnings[0], Not(HasSubstr("s3cret")));
  }
  for (auto const* const name : {"prepareThreshold", "reWriteBatchedInserts", "sslpassword", "SSLMode", "user",
                                 "targetServerType=secondary", "connectTimeout=0", "ssl=false"}) {
    std::string const parameter = name;
    bool const has_value = parameter.find('=') != std::string::npos;
    auto const told = told_of({{"jdbc_url_params", has_value ? parameter : parameter + "=s3cret"}});
    ASSERT_EQ(told.warnings.size(), 1U) << name;
    EXPECT_THAT(told.warnings[0], HasSubstr(parameter.substr(0, parameter.find('=')) + " is ignored"));
    EXPECT_THAT(told.warnings[0], Not(HasSubstr("s3cret")));
  }
  EXPECT_THAT(told_of({{"jdbc_url_params", "binaryTransfer"}}).warnings, ::testing::SizeIs(1));
  EXPECT_THAT(told_of({{"jdbc_url_params", "ssl=true"}}).warnings, ::testing::ElementsAre(HasSubstr("ca_certificate")));
}

TEST(PostgresSettings, TheSpecificationHasWhatUsersKnow) {
  object const specification = postgres::specification().connection_specification;
  EXPECT_EQ(specification.at("$schema").as_string(), "http://json-schema.org/draft-07/schema#");
  object const& properties = specification.at("properties").as_object();
  for (char const* const name : {"host", "port", "database", "schema", "username", "password", "ssl_mode",
                                 "jdbc_url_params", "raw_data_only", "drop_cascade"}) {
    EXPECT_TRUE(properties.contains(name)) << name;
  }
  std::set<std::int64_t> orders;
  for (auto const& [name, property] : properties) {
    EXPECT_TRUE(property.as_object().contains("type")) << std::string(name);
    EXPECT_TRUE(orders.insert(property.at("order").as_int64()).second) << std::string(name);
  }
  for (value const& required : specification.at("required").as_array()) {
    EXPECT_TRUE(properties.contains(required.as_string()));
  }
  std::vector<std::string> modes;
  for (value const& option : properties.at("ssl_mode").at("oneOf").as_array()) {
    modes.emplace_back(option.at("properties").at("mode").at("const").as_string());
    for (auto const& [name, property] : option.at("properties").as_object()) {
      EXPECT_EQ(property.as_object().contains("airbyte_secret"), name != "mode") << std::string(name);
    }
  }
  EXPECT_THAT(modes, ::testing::ElementsAre("disable", "allow", "prefer", "require", "verify-ca", "verify-full"));
  EXPECT_TRUE(properties.at("password").at("airbyte_secret").as_bool());
}

}  // namespace
}  // namespace postgres
