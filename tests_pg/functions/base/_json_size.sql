-- How many bytes a JSON value takes when it is handed out.
begin;
select plan(7);

create function pg_temp.plain(p_value jsonb) returns int language sql as $$
    select greatest(octet_length(p_value::text),
        pg_column_size(p_value #> '{}') - case when pg_column_size(p_value #> '{}') < 130 then 3 else 0 end) $$;
create temp table value (name text, value jsonb);
insert into value values ('null', 'null'), ('text', to_jsonb(repeat('x', 100))),
    ('numbers', (select jsonb_agg(1) from generate_series(1, 1000))),
    ('controls', to_jsonb(repeat(e'\x01', 5000))), ('compressed', to_jsonb(repeat('x', 3000000)));
select is(gendurable._json_size(null), 0::bigint, 'nothing takes nothing');
select results_eq($$ select v.name, gendurable._json_size(v.value) from value as v $$, $$
    select v.name, pg_temp.plain(v.value)::bigint from value as v $$,
    'the text of a value or the value, whichever is longer (a small one is stored with three bytes less)');
select cmp_ok((select pg_column_size(v.value) from value as v where v.name = 'compressed'), '<', 100000,
    'of what is stored compressed');
select is((select gendurable._json_size(v.value) from value as v where v.name = 'compressed'), 3000012::bigint,
    'the bytes it will have');
select is((select gendurable._json_size(v.value) from value as v where v.name = 'controls'), 30002::bigint,
    'with what its text writes longer');
select is_empty($$ select v.name from value as v where gendurable._size_bound(v.value) < gendurable._json_size(v.value)
    $$, 'never more than its bound');
select is(gendurable._json_size('{}'), 8::bigint, 'a small one');

select * from finish();
rollback;
