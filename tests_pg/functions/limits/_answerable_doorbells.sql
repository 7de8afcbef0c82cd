-- Which keys were rung for, and their doorbells; that names about which somebody else decides are passed over is tested with _offer_slots and _offer_tokens.
begin;
select plan(5);

select results_eq($$ select keys, rings from gendurable._answerable_doorbells('slot', 9) $$, $$ values (null::text[], null::tid[]) $$, 'nobody rang');
insert into gendurable.doorbells (kind, key, rung_by) values ('slot', 'b', '3'), ('slot', 'a:2', '3'), ('slot', 'b', '3'), ('slot', 'a', '3'), ('tokens', 't', '3'), ('concurrency_limit', 'l', '3');
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('slot', 9) $$, $$ values ('{a,a:2,b}'::text[], 4) $$, 'the keys of a kind, each once, in order, with every doorbell');
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('slot', 2) $$, $$ values ('{a,a:2}'::text[], 2) $$, 'no more keys than asked for');
insert into gendurable.doorbells (kind, key) values ('slot', 'mine'), ('tokens', 'mine');
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('slot', 9) $$, $$ values ('{a,a:2,b,mine}'::text[], 4) $$,
    'what this transaction rang for a slot is looked at, and stays');
select results_eq($$ select keys, cardinality(rings) from gendurable._answerable_doorbells('tokens', 9) $$, $$ values ('{mine,t}'::text[], 2) $$, 'for tokens it need not');

select * from finish();
rollback;
