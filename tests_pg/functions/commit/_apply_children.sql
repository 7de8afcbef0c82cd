-- Scheduling children: they are created and their parent is parked, or nothing happens at all.
begin;
\ir ../prelude.psql
select plan(57);

-- Fan-out.
select pg_temp.put('p', '{"queue": "a", "concurrency_key": "pk", "step": "begin", "state": {"n": 1}}') \g /dev/null
select pg_temp.pick(1, 'a') \g /dev/null
update gendurable.instances set attempt = 3, last_error = '{}', awaits = '{x}', rate_limit = 'r', weight = 2,
    joined = true where id = pg_temp.id('p');
select is(pg_temp.commit('p', 'schedule_children', '{"step": "join", "state": {"n": 2}, "children": [
    {"fsm": "c1"}, {"fsm": "c2", "queue": "b", "step": "go", "state": {"x": 1}, "priority": 4, "fsm_version": 7,
    "weight": 3, "concurrency_key": "ck", "correlation_key": "child:2"},
    {"fsm": "c3", "delay": 3600}]}'), 'committed', 'children are scheduled');
insert into made select i.fsm, i.id from gendurable.instances as i where i.parent_id = pg_temp.id('p');
select results_eq($$ select phase::text, step, state, attempt, last_error, awaits, rate_limit, weight, joined,
    worker_id, claimed_at, round, fence from pg_temp.row('p') $$,
    $$ values ('awaiting_children', 'join', '{"n": 2}'::jsonb, 0, null::jsonb, null::text[], null::text, null::float8,
        false, null::bigint, null::timestamptz, 1, (select c.fence + 1 from claim as c where c.fsm = 'p')) $$,
    'the parent is parked at the step of the join and leaves nothing of its old step behind');
select results_eq($$ select fsm, ord, queue, step, state, priority, fsm_version, weight, concurrency_key,
    correlation_key, phase::text, parent_round
                     from gendurable.instances where parent_id = pg_temp.id('p') order by ord $$,
    $$ values ('c1', 1, 'a', 'start', '{}'::jsonb, 0, 1, null::float8, null::text, null::text, 'ready', 1),
              ('c2', 2, 'b', 'go', '{"x": 1}', 4, 7, 3, 'ck', 'child:2', 'ready', 1),
              ('c3', 3, 'a', 'start', '{}', 0, 1, null, null, null, 'scheduled', 1) $$,
    'children are what gd_enqueue would make of them, in the parent''s queue unless they name one, numbered in the '
    'order of the batch');
select is((select concurrency_key from pg_temp.row('p')), 'pk', 'the parent keeps its concurrency key');
select pg_temp.put('next of key', '{"queue": "a", "concurrency_key": "pk"}') \g /dev/null
select is(pg_temp.pick(5, 'a'), 'c1 next of key',
    'children are handed out, the parent is not; parked it holds no slot of its key');
select is((select parent_id from gd_instances where id = pg_temp.id('c1')), pg_temp.id('p'),
    'a child knows its parent');
select is(pg_temp.pick(5, 'b'), 'c2', 'a child in another queue is handed out there');
select is(pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "again"}]}'), 'stale',
    'sent again it is stale');
select is((select count(*)::int from gendurable.instances where parent_id = pg_temp.id('p')), 3, 'and spawns nothing');

-- None at all.
create function pg_temp.parent(p_fsm text, p_more jsonb default '{}') returns text language plpgsql as $$
begin
    perform pg_temp.put(p_fsm, '{"queue": "b"}' || p_more);
    return pg_temp.pick(9, 'b');
end
$$;
select pg_temp.parent('none') \g /dev/null
select is(pg_temp.commit('none', 'schedule_children', '{"step": "join", "children": []}'), 'committed', 'no children');
select results_eq($$ select phase::text, step, joined, eligible_at, worker_id from pg_temp.row('none') $$,
    $$ values ('ready', 'join', true, now(), null::bigint) $$, 'the parent is runnable at once');
select pg_temp.pick(1, 'b') \g /dev/null
select is(pg_temp.children('none'), '[]', 'and is handed an empty array');
select is(pg_temp.commit('none', 'schedule_children'), 'committed', 'absent children are none');
select pg_temp.pick(1, 'b') \g /dev/null
select is(pg_temp.children('none'), '[]', 'absent children join too');
select is((select step from pg_temp.row('none')), 'join', 'an absent step is the current one');
select is(pg_temp.commit('none', 'schedule_children', '{"children": null}'), 'committed', 'null says nothing');
select pg_temp.pick(1, 'b') \g /dev/null
select is(pg_temp.commit('none', 'done'), 'committed', 'the parent ends');
select pg_temp.parent('keyed none', '{"concurrency_key": "kn"}') \g /dev/null
select is(pg_temp.commit('keyed none', 'schedule_children'), 'committed', 'no children of a keyed parent');
select is(pg_temp.phase('keyed none'), 'held', 'it waits for its slot again');
select is(pg_temp.pick(1, 'b'), 'keyed none', 'and has it at once');
select is(pg_temp.commit('keyed none', 'done'), 'committed', 'it ends');

-- Duplicates.
select pg_temp.put('occupant', '{"queue": "z", "correlation_key": "taken"}') \g /dev/null
select pg_temp.parent('dup') \g /dev/null
select is(pg_temp.commit('dup', 'schedule_children',
    '{"children": [{"fsm": "d1", "correlation_key": "taken"}, {"fsm": "d2", "correlation_key": "new"}, {"fsm": "d3", '
    '"correlation_key": "new"}]}'), 'committed',
    'children of which some are duplicates');
select results_eq($$ select children_pending,
    (select array_agg(i.fsm || ':' || i.ord) from gendurable.instances as i where i.parent_id = pg_temp.id('dup'))
    from gd_instances where id = pg_temp.id('dup') $$,
    $$ values (1, '{d2:2}'::text[]) $$, 'a duplicate, of the table or of the batch, is neither made nor counted');
select is((select parent_id from pg_temp.row('occupant')), null, 'the occupant does not become a child');
select pg_temp.parent('all dup') \g /dev/null
select is(pg_temp.commit('all dup', 'schedule_children', '{"children": [{"fsm": "d1", "correlation_key": "taken"}]}'),
    'committed', 'nothing but duplicates');
select is(pg_temp.phase('all dup'), 'ready', 'is no children');
select pg_temp.pick(5, 'b') \g /dev/null
select is(pg_temp.children('all dup'),
    jsonb_build_array(jsonb_build_object('id', pg_temp.id('occupant'), 'ord', 1, 'fsm', 'd1', 'status', 'duplicate',
    'result', null, 'error', null, 'state', null)), 'the join lists it with its occupant');
select is((select jsonb_agg(d - 'id') from gendurable.instances as i, jsonb_array_elements(i.duplicates) as d
    where i.id = pg_temp.id('dup')),
    '[{"round": 1, "ord": 1, "fsm": "d1"}, {"round": 1, "ord": 3, "fsm": "d3"}]',
    'duplicates are noted with their place');
select pg_temp.pick(9, 'q') \g /dev/null
select is((select string_agg(concat_ws('/', c.ord, c.fsm, c.status, c.id = k.instance_id), ' ')
    from gd_children(pg_temp.id('dup')) as c
    left join gendurable.correlation_keys as k on k.key = case c.fsm when 'd1' then 'taken' else 'new' end),
    '1/d1/duplicate/t 2/d2/executing/t 3/d3/duplicate/t',
    'and listed among the children, with the id of whatever has their key');
select pg_temp.commit('all dup', 'schedule_children') || ' ' || pg_temp.pick(5, 'b') \g /dev/null
select is(pg_temp.children('all dup'), '[]', 'in the join of their own round alone');

-- Bad children.
select pg_temp.parent('bad'), pg_temp.parent('good') \g /dev/null
select pg_temp.pick(9, 'b') \g /dev/null
select count(*) as before from gendurable.instances \gset
create function pg_temp.bad(p_children jsonb) returns text language sql as $$
    select pg_temp.commit('bad', 'schedule_children', jsonb_build_object('step', 'j', 'children', p_children)) $$;
select is(pg_temp.bad('[{"fsm": "x"}, {"queue": "q"}]'), 'invalid: children, ord 2: fsm is required',
    'a child without an fsm is invalid, and named');
select is(pg_temp.bad('[{"fsm": "x", "colour": "red"}]'), 'invalid: children, ord 1: unknown field colour',
    'an unknown field is invalid');
select is(pg_temp.bad('[{"fsm": "x"}, {"fsm": "y"}, 5]'), 'invalid: children, ord 3: number, not an object',
    'what is no object is invalid');
select matches(pg_temp.bad('[{"fsm": "x", "priority": "high"}]'), '^invalid: children, ord 1: .*high',
    'a value of the wrong type is invalid');
select matches(pg_temp.bad('[{"fsm": "x", "weight": -1}]'), '^invalid: children, ord 1: weight',
    'a value out of range is invalid');
select matches(pg_temp.bad('[{"fsm": "x", "correlation_key": "bad:1"}, {"fsm": "x", "correlation_scope": ["up"]}]'),
    '^invalid: children, ord 2: correlation_scope', 'a scope of no status is invalid');
select matches(pg_temp.bad('[{"fsm": "x", "delay": "1000000 years"}]'), '^invalid: children, ord 1: ',
    'a moment beyond time is invalid');
select is(pg_temp.bad('{"fsm": "x"}'), 'invalid: children is no array', 'children that are no array are invalid');
select is((select count(*) from gendurable.instances), :before::bigint,
    'nothing of an invalid batch of children is stored');
select is((select count(*)::int from gendurable.correlation_keys where key = 'bad:1'), 0, 'no key is taken');
select results_eq($$ select phase::text, fence, step, round from pg_temp.row('bad') $$, $$
    select 'executing', c.fence, 'start', 0 from claim as c where c.fsm = 'bad' $$,
    'the claim is still held under the same fence');
select is((select string_agg(a.result, ' ' order by a.n) from (
    select x.result, row_number() over () as n
        from gd_commit(:me, (select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind',
            'schedule_children',
        'children', case c.fsm when 'bad' then '[{}]'::jsonb else '[{"fsm": "fine"}]' end) order by c.fsm)
        from claim as c where c.fsm in ('bad', 'good'))) as x) as a),
    'invalid committed', 'one parent''s bad child does not undo another one''s children');
select is((select count(*)::int from gendurable.instances where fsm = 'fine'), 1, 'the good one has its child');
select is(pg_temp.bad('[{"fsm": "fixed"}]'), 'committed', 'corrected it is accepted');
select pg_temp.put('many ' || n, '{"queue": "b"}') from generate_series(1, 7) as n \g /dev/null
select pg_temp.pick(9, 'b') \g /dev/null
select is((select string_agg(concat_ws(': ', a.result, a.detail), ' | ' order by a.n) from (
    select x.result, x.detail,
        row_number() over () as n
        from gd_commit(:me, (select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind',
            'schedule_children', 'step', 'j' || c.fsm,
        'children', case when c.fsm in ('many 2', 'many 3', 'many 7') then jsonb_build_array('{"fsm": "of it"}'::jsonb,
            jsonb_build_object('fsm', 'z', 'bad', c.fsm))
                         when c.fsm = 'many 5' then '[]'
                             else jsonb_build_array(jsonb_build_object('fsm', 'of ' || c.fsm)) end) order by c.fsm desc)
                             from claim as c where c.fsm like 'many%')) as x) as a),
    'invalid: children, ord 2: unknown field bad | committed | committed | committed | invalid: children, ord 2: '
    'unknown field bad | invalid: children, ord 2: unknown field bad | committed',
    'of seven parents those with a bad child are invalid, each with its own reason');
select results_eq($$ select p.fsm, p.phase::text, p.step, p.round,
    p.fence - (select c.fence from claim as c where c.fsm = p.fsm),
    (select string_agg(c.fsm || ' ' || c.queue, ' ') from gendurable.instances as c where c.parent_id = p.id),
    (select d.pending from gendurable.countdowns as d where d.parent_id = p.id)
                     from gendurable.instances as p where p.fsm like 'many%' order by p.fsm $$,
    $$ values ('many 1', 'awaiting_children', 'jmany 1', 1, 1::bigint, 'of many 1 b', 1),
        ('many 2', 'executing', 'start', 0, 0, null, null), ('many 3', 'executing', 'start', 0, 0, null, null),
              ('many 4', 'awaiting_children', 'jmany 4', 1, 1, 'of many 4 b', 1),
              ('many 5', 'ready', 'jmany 5', 1, 1, null, null),
              ('many 6', 'awaiting_children', 'jmany 6', 1, 1, 'of many 6 b', 1),
              ('many 7', 'executing', 'start', 0, 0, null, null) $$, 'and the others wait for their own, or for none');

-- The inbox.
select pg_temp.parent('inbox') \g /dev/null
select gd_signal(pg_temp.id('inbox'), 's1'), gd_signal(pg_temp.id('inbox'), 's2'),
    gd_signal(pg_temp.id('inbox'), 's3') \g /dev/null
update gendurable.signals set presented = 1 where instance_id = pg_temp.id('inbox') and name <> 's3';
select is(pg_temp.commit('inbox', 'schedule_children',
    jsonb_build_object('children', '[{"fsm": "i1"}]'::jsonb, 'consumed',
    (select jsonb_agg(s.id) from gendurable.signals as s where s.instance_id = pg_temp.id('inbox') and s.name = 's1'))),
    'committed', 'children of a parent with an inbox');
select results_eq($$ select name, presented is not null from gendurable.signals where instance_id = pg_temp.id('inbox')
    order by id $$, $$ values ('s2', false), ('s3', false) $$,
    'exactly what was consumed is gone, and nothing counts as presented any more');
select pg_temp.put('moves on', '{"queue": "b"}'), pg_temp.put('torn', '{"queue": "b"}') \g /dev/null
select pg_temp.pick(9, 'b') \g /dev/null
select gd_signal(pg_temp.id('moves on'), 'm'), gd_signal(pg_temp.id('torn'), 't1'),
    gd_signal(pg_temp.id('torn'), 't2') \g /dev/null
update gendurable.signals set presented = 1 where instance_id = pg_temp.id('torn');
select is((select string_agg(a.result, ' ' order by a.n) from (
    select x.result, row_number() over () as n
        from gd_commit(:me, (select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'consumed',
        (select jsonb_agg(s.id) from gendurable.signals as s where s.instance_id = c.id and s.name <> 't2')) || k.more
        order by c.fsm)
        from claim as c join (values ('moves on', '{"kind": "next", "step": "x"}'::jsonb),
            ('torn', '{"kind": "schedule_children", "children": [{}]}')) as k (fsm, more) using (fsm))) as x) as a),
    'committed invalid', 'children that cannot be created, beside one that moves on and consumes');
select results_eq($$ select instance_id, name, presented is not null from gendurable.signals
    where instance_id in (pg_temp.id('torn'), pg_temp.id('moves on')) order by id $$,
    $$ values (pg_temp.id('torn'), 't1', true), (pg_temp.id('torn'), 't2', true) $$,
    'the parent that stays has consumed nothing');

-- Another session is taking a child's key.
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other', $$
    insert into gendurable.correlation_keys (key, instance_id) values ('being taken', 1) returning key $$) \g /dev/null
select pg_temp.parent('waiting'), set_config('lock_timeout', '61s', true) \g /dev/null
select pg_temp.pick(9, 'b') \g /dev/null
select clock_timestamp() as from \gset
select is(pg_temp.commit('waiting', 'schedule_children',
    '{"children": [{"fsm": "w1"}, {"fsm": "w2", "correlation_key": "being taken"}]}'), 'busy',
    'a child''s key in an open transaction is busy');
select cmp_ok(clock_timestamp() - :'from'::timestamptz, '<', interval '20 s', 'soon');
select is(current_setting('lock_timeout'), '61s', 'the session''s lock_timeout is as it was');
select results_eq($$ select phase::text, fence, (select count(*) from gendurable.instances where fsm = 'w1')
    from pg_temp.row('waiting') $$, $$
    select 'executing', c.fence, 0::bigint from claim as c where c.fsm = 'waiting' $$,
    'the claim is still held, and no child was made');
select test.exec('other', 'rollback') \g /dev/null
select is(pg_temp.commit('waiting', 'schedule_children',
    '{"children": [{"fsm": "w1"}, {"fsm": "w2", "correlation_key": "being taken"}]}'), 'committed',
    'offered again it is accepted');
select is(current_setting('lock_timeout'), '61s', 'lock_timeout is as it was after that, too');

-- A child without a version.
select gd_register('declares', info => '{"machines": [{"fsm": "v1", "version": 4}]}') \g /dev/null
select pg_temp.parent('of versions') \g /dev/null
select pg_temp.pick(9, 'b') \g /dev/null
select pg_temp.commit('of versions', 'schedule_children',
    '{"children": [{"fsm": "v1"}, {"fsm": "v1", "fsm_version": 2}, {"fsm": "v2"}]}') \g /dev/null
select results_eq($$ select fsm_version from gendurable.instances where parent_id = pg_temp.id('of versions')
    order by ord $$, 'values (4), (2), (1)',
    'a child has the version it is given, or the newest of its machine');

select * from finish();
rollback;
