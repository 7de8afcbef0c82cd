-- Which keys were rung for, and their doorbells; that names about which another session decides are passed over is
-- tested with _offer_slots and _offer_tokens.
begin;
select plan(7);

select results_eq($$ select keys, rings from gendurable._answerable_doorbells('slot', 9) $$, $$
    values (null::text[], null::tid[]) $$, 'no doorbell rings');
insert into gendurable.doorbells (kind, key, rung_by, run) values ('slot', 'b', '3', 2), ('slot', 'a:2', '3', 1),
    ('slot', 'b', '3', 3), ('slot', 'a', '3', 0), ('tokens', 't', '3', 0), ('concurrency_limit', 'l', '3', 0);
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('slot', 9) $$, $$
    values ('{a,a:2,b}'::text[], 4) $$, 'the keys of a kind, each once, in order, with every doorbell');
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('slot', 2) $$, $$
    values ('{a,a:2}'::text[], 2) $$, 'no more keys than asked for');
insert into gendurable.doorbells (kind, key) values ('slot', 'mine'), ('tokens', 'mine');
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('slot', 9) $$, $$
    values ('{a,a:2,b,mine}'::text[], 4) $$,
    'what this transaction rang for a slot is looked at, and stays');
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('tokens', 9) $$, $$
    values ('{t,mine}'::text[], 2) $$, 'for tokens it need not');

-- A name that is busy, with more doorbells than are looked at in a turn.
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select (select n from generate_series(1, 1000) as n
    where hashtext('busy' || n) & 63 not in (select hashtext(x) & 63 from unnest('{a,b,mine}'::text[]) as x) limit 1)
    as n \gset
select test.query('other', format('select gendurable._lock_name(''slot'', %L)', 'busy' || :n)) \g /dev/null
insert into gendurable.doorbells (kind, key, rung_by, run) select 'slot', format('busy%s:%s', :n, k), '3',
    0 from generate_series(1, 10100) as k;
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('slot', 9) $$, $$
    values ('{a,a:2,b,mine}'::text[], 4) $$, 'a name about which another transaction decides stops no other');
select test.exec('other', 'rollback') \g /dev/null
select is((select cardinality(rings) from gendurable._answerable_doorbells('slot', 20000)), 10000,
    'no more doorbells than ten thousand');

select * from finish();
rollback;
