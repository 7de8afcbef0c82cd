-- How many places of a queue with a limit are free, and what holds the others.
begin;
select plan(12);

select gd_register('me') as me \gset
create function pg_temp.left(p_queue text) returns text language sql as $$
    select format('%s left beside %s', p.places,
        (select coalesce(string_agg(i.fsm, ' ' order by i.id), 'none') from gendurable.instances as i
            where i.id = any (p.executing)))
    from gendurable._places_left(p_queue) as p
$$;
create function pg_temp.noted(p_queue text) returns text language sql as $$
    select string_agg(format('%s: %s', h.seq,
        (select string_agg(i.fsm, ' ' order by i.id) from gendurable.instances as i where i.id = any (h.ids))), ', ')
    from gendurable.holders as h where h.queue = p_queue
$$;
select gd_enqueue('a', queue => 'q'), gd_enqueue('b', queue => 'q'), gd_enqueue('waits', queue => 'q', priority => 1),
    gd_enqueue('other', queue => 'other') \g /dev/null
select p.fsm from gd_pick(:me, 'q', 2) as p, gd_pick(:me, 'other', 1) \g /dev/null
select gd_set_queue_limit('q', 3) \g /dev/null
select is(pg_temp.left('q'), '1 left beside a b', 'what executed before there was a limit counts; other queues do not');
select is(pg_temp.noted('q'), '1: a b', 'and is noted');
select is(pg_temp.left('q'), '1 left beside a b', 'the session that holds the places may ask again');
update gendurable.instances set phase = 'ready', worker_id = null where fsm = 'a';
select is(pg_temp.left('q'), '2 left beside b', 'what no longer executes has left its place');
select is(pg_temp.noted('q'), '1: a b', 'which is not noted before another one takes it');
update gendurable.instances set phase = 'executing', worker_id = :me where fsm = 'waits';
select is(pg_temp.left('q'), '2 left beside b', 'what no pick has noted does not execute');
select gd_set_queue_limit('q', 1) \g /dev/null
select is(pg_temp.left('q'), '0 left beside b waits',
    'another limit counts anew; one that is lower than what executes leaves none');
select gd_set_queue_limit('q', 0) \g /dev/null
select is(pg_temp.left('q'), '0 left beside b waits', 'so does zero');

-- Another transaction holds the places.
select test.connect('b') \g /dev/null
select gd_set_queue_limit('r', 5) \g /dev/null
select test.exec('b', 'begin'),
    test.query('b', $$ select pg_try_advisory_xact_lock(26473, hashtext('r')) $$) \g /dev/null
select is(pg_temp.left('r'), ' left beside none', 'while another transaction holds the places nothing is said');
select is(pg_temp.noted('r'), null, 'or noted');
select test.exec('b', 'rollback') \g /dev/null
select is(pg_temp.left('r'), '5 left beside none', 'then it is');
select is((select count(*)::int from gendurable.holders as h where h.queue = 'r'), 1,
    'with nothing to note, that is noted');

select * from finish();
rollback;
