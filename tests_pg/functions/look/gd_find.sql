-- gd_find: searches, page by page, the newest first.
begin;
\ir ../prelude.psql
select plan(30);

create function pg_temp.found(ids bigint[]) returns text language sql as $$
    select coalesce(string_agg(m.fsm, ' ' order by i.n), '-') from unnest(ids) with ordinality as i (id, n)
        join made as m on m.id = i.id
$$;
select pg_temp.put('a', '{"correlation_key": "order:1", "state": {"customer": 7, "n": 1}}'),
    pg_temp.put('b', '{"correlation_key": "order:2", "step": "two", "queue": "b", "concurrency_key": "customer:7"}'),
       pg_temp.put('c', '{"state": {"customer": 7}, "concurrency_key": "customer:7"}'),
       pg_temp.put('d', '{"correlation_key": "x"}') \g /dev/null
select pg_temp.pick(2) \g /dev/null
select pg_temp.commit('a', 'done'), pg_temp.commit('c', 'stop') \g /dev/null
select pg_temp.put('e', '{"correlation_key": "order:1"}') \g /dev/null

select results_eq('select pg_temp.found(ids), next_before, looked from gd_find()', $$
    values ('e d c b a', null::bigint, 5) $$, 'all, the newest first');
select is((select pg_temp.found(ids) from gd_find(fsm => 'b')), 'b', 'by machine');
select is((select pg_temp.found(ids) from gd_find(step => 'two')), 'b', 'by step');
select is((select pg_temp.found(ids) from gd_find(queue => 'b')), 'b', 'by queue');
select is((select pg_temp.found(ids) from gd_find(status => '{runnable}')), 'e d b', 'by status');
select is((select pg_temp.found(ids) from gd_find(status => '{done,failed}')), 'c a', 'by several');
select is((select pg_temp.found(ids) from gd_find(status => '{failed}', queue => 'b')), '-',
    'all conditions have to be met');
select is((select pg_temp.found(ids) from gd_find(status => '{}')), '-', 'of no status there is nothing');
select is((select pg_temp.found(ids) from gd_find(correlation_key => 'order:1')), 'e a', 'by key');
select is((select pg_temp.found(ids) from gd_find(correlation_key => 'order:1', status => '{done}')), 'a',
    '… and by status');
select is((select pg_temp.found(ids) from gd_find(key_prefix => 'order:')), 'e b a', 'by the beginning of the key');
select is((select pg_temp.found(ids) from gd_find(key_prefix => '%')), '-', 'which is no pattern');
select is((select pg_temp.found(ids) from gd_find(concurrency_key => 'customer:7')), 'c b',
    'by concurrency key, live and finished');
select is((select pg_temp.found(ids) from gd_find(concurrency_key => 'customer')), '-', '… the whole of it');
select is((select pg_temp.found(ids) from gd_find(state => '{"customer": 7}')), 'c a', 'by what the state contains');
select is((select pg_temp.found(ids) from gd_find(state => '{"customer": 7}', status => '{failed}')), 'c',
    '… of those that have failed');
select is((select pg_temp.found(ids) from gd_find(parent => pg_temp.id('a'))), '-', 'by parent');
update gendurable.instances set enqueued_at = now() - interval '1 hour' where fsm in ('b', 'd');
select is((select pg_temp.found(ids) from gd_find(since => now() - interval '1 minute')), 'e c a', 'young ones');
select is((select pg_temp.found(ids) from gd_find(until => now() - interval '1 minute')), 'd b', 'old ones');

-- Pages.
select results_eq('select pg_temp.found(ids), next_before = pg_temp.id(''d''), looked from gd_find(most => 2)', $$
    values ('e d', true, 2) $$, 'a page says where the next begins');
select results_eq('select pg_temp.found(ids), next_before = pg_temp.id(''b''), looked from gd_find(before => '
    'pg_temp.id(''d''), most => 2)', $$ values ('c b', true, 2) $$, 'the next page');
select results_eq('select pg_temp.found(ids), next_before, looked from gd_find(before => pg_temp.id(''b''), most => 2)',
    $$ values ('a', null::bigint, 1) $$, 'the last page');
select results_eq('select pg_temp.found(ids), next_before = pg_temp.id(''c''), looked from gd_find(fsm => ''a'', looks '
    '=> 3)', $$ values ('-', true, 3) $$, 'a page that has looked at enough says how far it came');
select results_eq('select pg_temp.found(ids), next_before from gd_find(fsm => ''a'', looks => 3, before => '
    'pg_temp.id(''c''))', $$ values ('a', null::bigint) $$, '… and the next one goes on there');
select results_eq('select pg_temp.found(ids), next_before from gd_find(since => now() + interval ''1 minute'', looks '
    '=> 2)', $$ values ('-', null::bigint) $$, 'it stops where everything is too old');
select results_eq('select pg_temp.found(ids), looked from gd_find(most => 0)', $$
    values ('-', 0) $$, 'a page of nothing');
select results_eq('select pg_temp.found(ids), next_before = pg_temp.id(''e'') from gd_find(status => ''{runnable}'', '
    'most => 1)', $$ values ('e', true) $$, 'pages of what an index leads to');
select is((select pg_temp.found(ids) from gd_find(status => '{runnable}', looks => 2147483647)), 'e d b',
    'without a bound');
select is(pg_temp.refusal($$ select * from gd_find(status => '{dead}') $$), 'GD002 status is dead',
    'a status that is none');
select is(pg_temp.refusal($$ select * from gd_find(looks => 0) $$), 'GD002 looks is 0', 'no look');

select * from finish();
rollback;
