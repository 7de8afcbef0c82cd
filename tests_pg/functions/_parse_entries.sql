-- JSON entries, typed; what gd_enqueue_many accepts and refuses is tested there.
begin;
select plan(6);

select is(gendurable._parse_entries('[]'), null, 'nothing parsed is nothing');
select results_eq($$ select ord, fsm, queue, parent_id, parent_round from unnest(gendurable._parse_entries('[{"fsm": "a"}, {"fsm": "b", "queue": "own"}]')) $$,
    $$ values (1, 'a', 'default', null::bigint, null::int), (2, 'b', 'own', null, null) $$, 'entries are numbered from 1 and have no parent');
select results_eq($$ select ord, fsm, queue, parent_id, parent_round
                     from unnest(gendurable._parse_entries('[{"fsm": "a"}, {"fsm": "b", "queue": "own"}]', 'theirs', 77, 3, 5)) $$,
    $$ values (5, 'a', 'theirs', 77::bigint, 3), (6, 'b', 'own', 77, 3) $$, 'a caller may number them, and give a parent, a round and a queue for those that name none');
select is((select count(distinct id)::int from unnest(gendurable._parse_entries('[{"fsm": "a"}, {"fsm": "b"}]'))), 2, 'every entry is given an id of its own');
select throws_ok($$ select gendurable._parse_entries('[{"fsm": "a"}, {"fsm": "b", "priority": "x"}]') $$, 'GD003', 'gendurable: a bad entry in the batch', 'a bad value is GD003');
select throws_ok($$ select gendurable._parse_entries('[{"fsm": "a"}, {"color": "x"}]') $$, 'GD003', null, 'an unknown field is GD003');

select * from finish();
rollback;
