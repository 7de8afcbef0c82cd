-- The rest of a round is cancelled, with all that is below it.
--
-- Race:      A child that ends its round × outcomes of the rest in the same batch (14–18)
-- Sessions:  One commit.
-- Guard:     What the end has cancelled is taken out of the batch.
-- Mutations: It stays in the batch → 23502, or another parent waits for as many children as that
--            one had.
begin;
\ir ../prelude.psql
select plan(18);

create function pg_temp.family(p_fsm text, p_children text[], p_more jsonb default '{}') returns text
    language plpgsql as $$
begin
    perform pg_temp.pick(99, 'a');
    if pg_temp.id(p_fsm) is null then
        perform pg_temp.put(p_fsm);
    end if;
    perform pg_temp.pick(99);
    return pg_temp.commit(p_fsm, 'schedule_children',
        p_more || jsonb_build_object('step', 'join', 'children',
            (select jsonb_agg(jsonb_build_object('fsm', c, 'queue', 'a')) from unnest(p_children) as c)));
end
$$;
create function pg_temp.live() returns text language sql as $$
    select string_agg(i.fsm, ' ' order by i.fsm) from gendurable.instances as i $$;

-- Levels; another round, another parent and one that was revived are left alone.
select pg_temp.family('p', '{old}'), pg_temp.pick(9, 'a') \g /dev/null
select pg_temp.commit('old', 'stop') \g /dev/null
select pg_temp.pick(9) \g /dev/null
-- (Its barrier is down, as it is when a round is over.)
select pg_temp.family('p', '{c1,c2,c3,c4}'), pg_temp.family('c1', '{d1,d2}'), pg_temp.family('d1', '{e1}'),
    pg_temp.family('q', '{f1}') \g /dev/null
delete from gendurable.countdowns where parent_id = pg_temp.id('p');
select pg_temp.commit('c4', 'stop'), gd_retry(pg_temp.id('c4')), gd_retry(pg_temp.id('old')) \g /dev/null
select is(gendurable._dismiss(array[pg_temp.id('p')], '{2}'), 6, 'three children, and below them three');
select is(pg_temp.live(), 'c4 f1 old p q',
    'all others live: another parent''s, those of an earlier round, the revived');
select is((select string_agg(distinct error::text, ' ') from gd_instances where fsm in ('c1', 'c3', 'd2', 'e1')),
    '{"kind": "cancelled", "reason": "the join of its round is over"}', 'each was cancelled, with the reason');
select is((select count(*)::int from gendurable.dismissals), 0, 'nothing is left to do');
select is((select array_agg(parent_id order by parent_id) from gendurable.countdowns), array[pg_temp.id('q')],
    'no barrier of those that were cancelled stays');
select is(gendurable._dismiss(array[pg_temp.id('p')], '{2}'), 0, 'a second time there is nothing to cancel');
select is(gendurable._dismiss(null, null), 0, 'no round, nothing');

-- A thousand at most; the rest is noted.
select pg_temp.put('wide') \g /dev/null
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, parent_id, parent_round, ord, round)
select now(), now(), now(), 'ready', 's', '{}', 0, 1, 'w' || n, 'a', pg_temp.id('wide'), 1, n,
    0 from generate_series(1, 1600) as n;
update gendurable.instances set phase = 'awaiting_children', round = 3 where fsm = 'w20';
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, parent_id, parent_round, ord, round)
select now(), now(), now(), 'ready', 's', '{}', 0, 1, 'below', 'a', i.id, 3, n, 0 from gendurable.instances as i,
    generate_series(1, 5) as n where i.fsm = 'w20';
select is(gendurable._dismiss(array[pg_temp.id('wide')], '{1}'), 1000, 'a call cancels a thousand at most');
select is((select count(*)::int from gendurable.instances where fsm ~ '^w\d'), 600, 'of a round of 1,600');
select is((select array_agg(d.after) from gendurable.dismissals as d where d.parent_id = pg_temp.id('wide')),
    (select array[min(ord) - 1] from gendurable.instances where fsm ~ '^w\d'), 'and notes where to go on');
select results_eq($$ select d.parent_id, d.round, d.after from gendurable.dismissals as d
    where d.parent_id <> pg_temp.id('wide') $$,
    $$ select f.id, 3, 0 from gendurable.finished as f where f.fsm = 'w20' $$, 'also of what is below');
select is(gendurable._dismiss(array[pg_temp.id('wide')], '{1}', '{1590}'), 10, 'it begins where it is told');
select is((select max(ord) from gendurable.instances where fsm ~ '^w\d'), 1590, 'and no sooner');

-- The rest of the round has outcomes in the batch of the child that ends it, before an outcome of another family.
delete from gendurable.instances;
delete from gendurable.dismissals;
delete from gendurable.history;
select gd_set_history(null, 'steps') \g /dev/null
select pg_temp.put('p'), pg_temp.pick(9) \g /dev/null
select pg_temp.commit('p', 'schedule_children',
    '{"join": "first_failure", "children": [{"fsm": "bad"}, {"fsm": "kids"}, {"fsm": "next"}, {"fsm": "await"}, '
    '{"fsm": "retry"}, {"fsm": "done"}]}'),
    pg_temp.put('other'), pg_temp.put('none'), pg_temp.pick(9) \g /dev/null
select jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence) || o.outcome order by c.id) as outcomes
from claim as c
join (values ('bad', '{"kind": "stop"}'::jsonb),
    ('kids', '{"kind": "schedule_children", "children": [{"fsm": "x"}, {"fsm": "x"}]}'),
    ('next', '{"kind": "next", "step": "two", "continue": true}'),
      ('await', '{"kind": "await", "names": ["go"]}'), ('retry', '{"kind": "retry", "error": {}}'),
      ('done', '{"kind": "done"}'),
      ('other', '{"kind": "schedule_children", "children": [{"fsm": "y"}]}'), ('none', '{"kind": "schedule_children"}'))
      as o (fsm, outcome) using (fsm) \gset
select is((select string_agg(c.fsm || ' ' || a.result, ', ' order by c.id) from gd_commit(:me, :'outcomes') as a
    join claim as c using (id)),
    'bad committed, kids stale, next stale, await stale, retry stale, done committed, other committed, none committed',
    'outcomes of the rest of a round that ends in the same batch are stale');
select is(pg_temp.live(), 'none other p y', 'they apply nothing');
select results_eq($$ select m.fsm, i.phase::text, i.joined,
    (select min(d.pending) from gendurable.countdowns as d where d.parent_id = i.id) from gendurable.instances as i
    join made as m using (id) where m.fsm in ('other', 'none') order by m.id $$,
    $$ values ('other', 'awaiting_children', false, 1), ('none', 'ready', true, null) $$,
    'parents of other families wait for their own children');
select is((select string_agg(m.fsm || ' ' || h.event, ', ' order by m.id, h.at) from gendurable.history as h
    join made as m on m.id = h.instance_id where m.fsm not in ('p', 'other', 'none')),
    'bad stop, kids cancelled, next cancelled, await cancelled, retry cancelled, done done',
    'and each that was cancelled has that in its history, no outcome');
select is((select string_agg(j ->> 'fsm' || ' ' || (j ->> 'status'), ', ' order by j ->> 'ord')
    from gd_pick(:me, 'q', 9) as p cross join jsonb_array_elements(p.children) as j where p.fsm = 'p'),
    'bad failed, kids failed, next failed, await failed, retry failed, done done',
    'the parent is handed all of the round');

select * from finish();
rollback;
