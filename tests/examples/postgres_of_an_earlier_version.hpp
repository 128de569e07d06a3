#pragma once

#include <landfall/table/sql_text.hpp>

namespace postgres {

/// What the version before _landfall_owners left (pg_dump): a table of append_dedup with a column of each type, and
/// rows that wait, since their merge had failed.
inline constexpr landfall::SqlLiteral tables_of_an_earlier_version = R"sql(
CREATE TABLE public._landfall_batches (
    stream text NOT NULL,
    run text NOT NULL,
    batch bigint NOT NULL,
    first_number bigint NOT NULL,
    end_number bigint NOT NULL
);
CREATE TABLE public.users (
    _airbyte_raw_id character varying NOT NULL,
    _airbyte_extracted_at timestamp with time zone NOT NULL,
    _airbyte_meta jsonb NOT NULL,
    _airbyte_generation_id bigint,
    id bigint,
    b boolean,
    n numeric,
    s character varying,
    d date,
    t time without time zone,
    tz time with time zone,
    ts timestamp without time zone,
    tstz timestamp with time zone,
    j jsonb
);
CREATE TABLE public.users_work_bb790a5bb0 (
    _airbyte_raw_id character varying NOT NULL,
    _airbyte_extracted_at timestamp with time zone NOT NULL,
    _airbyte_meta jsonb NOT NULL,
    _airbyte_generation_id bigint,
    id bigint,
    b boolean,
    n numeric,
    s character varying,
    d date,
    t time without time zone,
    tz time with time zone,
    ts timestamp without time zone,
    tstz timestamp with time zone,
    j jsonb,
    _landfall_read_order bigint
);
INSERT INTO public._landfall_batches VALUES ('public.users', '2ed1d065-eea1-4fb4-b316-a4d438f051b6', 1, 0, 2);
INSERT INTO public.users VALUES ('5e2f4b4e-220f-4085-88ef-42ec13d69497', '2023-11-14 22:13:20+00', '{"changes": [], "sync_id": 1}', 1, 1, true, 1.25, 'it''s', '2024-02-29', '10:00:00.5', '10:00:00+02', '2024-02-29 10:00:00', '2024-01-01 00:00:00+00', '{"a": [1]}');
INSERT INTO public.users VALUES ('fcd53ef9-f672-40b0-ba37-00c01e19811b', '2023-11-14 22:13:20+00', '{"changes": [], "sync_id": 1}', 1, 2, true, 1.25, 'it''s', '2024-02-29', '10:00:00.5', '10:00:00+02', '2024-02-29 10:00:00', '2024-01-01 00:00:00+00', '{"a": [1]}');
INSERT INTO public.users_work_bb790a5bb0 VALUES ('b5529a9c-93b1-4ded-b57c-e7839f23306e', '2023-11-14 22:13:20+00', '{"changes": [], "sync_id": 1}', 1, 2, true, 1.25, 'it''s', '2024-02-29', '10:00:00.5', '10:00:00+02', '2024-02-29 10:00:00', '2024-02-01 00:00:00+00', '{"a": [1]}', 1795981923960262688);
INSERT INTO public.users_work_bb790a5bb0 VALUES ('44fa2c9f-b66c-41d0-9cfa-80907cbbe617', '2023-11-14 22:13:20+00', '{"changes": [], "sync_id": 1}', 1, 3, true, 1.25, 'it''s', '2024-02-29', '10:00:00.5', '10:00:00+02', '2024-02-29 10:00:00', '2024-02-01 00:00:00+00', '{"a": [1]}', 1795981923960262689);
ALTER TABLE ONLY public._landfall_batches
    ADD CONSTRAINT _landfall_batches_pkey PRIMARY KEY (stream, run, batch, first_number);
CREATE INDEX _landfall_key_a0841a512a98e623 ON public.users USING btree (id);
)sql";

}  // namespace postgres
