-- A worker that declares what it can run sleeps on when other work comes. Each call is made twice:
-- while only a worker of another machine sleeps, and while one of this machine sleeps too.
--
-- Race:      Notification × a worker that declares
-- Sessions:  Every source of work, heard by a third session: a worker of another machine sleeps,
--            then one of this machine too.
-- Guard:     `_announce` is handed the kinds of what became ready, and `_sleepers` looks for a
--            sleeper that declares one of them.
-- Mutations: A pick that cannot run what fell due, or has no place for it, does not tell → 21, 23. The
--            kinds are left out at any one call of `_announce` → the test of that call in the
--            first half; an empty list → the test of that call in the second half.
\ir prelude.psql
select plan(27);
select test.open('a', 'b', 'l');
select test.exec('l', 'listen gendurable');
select gd_register('runner', '{default}',
    info => '{"machines": [{"fsm": "M", "version": 1}, {"fsm": "N", "version": 1}]}') as w,
       gd_register('right', '{default}',
           info => '{"machines": [{"fsm": "M", "version": 1, "steps": ["start", "two"]}]}') as right,
       gd_register('foreign', '{default}',
           info => '{"machines": [{"fsm": "M", "version": 1, "steps": ["three"]}, {"fsm": "M", "version": 0}, {"fsm": '
           '"N", "version": 1}]}') as foreign \gset

create function test.heard() returns text
language plpgsql as $$
declare
    v_heard text[] := '{}';
    v_more  text[];
begin
    perform test.exec('l', 'notify gendurable, ''marker''');
    loop
        select array_agg(n.extra) into v_more from dblink_get_notify('l') as n;
        v_heard := v_heard || v_more;
        exit when 'marker' = any (v_heard);
        perform test.query('l', 'select 1');
    end loop;
    return coalesce((select string_agg(distinct h.queue, ',' order by h.queue)
        from unnest(array_remove(v_heard, 'marker')) as h (queue)), 'nothing');
end
$$;
create procedure test.asleep(variadic names text[] default '{}')
language plpgsql as $$
begin
    perform gendurable._mark_worker(w.id, 'default', w.name = any (names), false) from gendurable.workers as w;
    commit;
end
$$;
-- What is heard of the first call while `foreign` sleeps, and of the second one while `right` does too.
create procedure test.tell(first text, second text, inout heard text)
language plpgsql as $$
begin
    call test.asleep('foreign');
    perform test.heard();
    perform test.query('a', first);
    heard := test.heard();
    call test.asleep('foreign', 'right');
    perform test.query('a', second);
    heard := heard || ', ' || test.heard();
end
$$;
-- Two claims of fsm M, held by the runner, in `id` order.
create procedure test.claims(worker bigint, inout one jsonb, inout two jsonb)
language plpgsql as $$
declare
    v_claims jsonb;
begin
    delete from gendurable.instances;
    perform gd_enqueue('M'), gd_enqueue('M');
    select jsonb_agg(jsonb_build_object('id', p.id, 'fence', p.fence) order by p.id) into v_claims
        from gd_pick(worker, 'default', 2) as p;
    commit;
    one := v_claims -> 0;
    two := v_claims -> 1;
end
$$;
create function test.of_claim(claim jsonb, kind text, more jsonb default '{}') returns jsonb
language sql as $$ select claim || jsonb_build_object('kind', kind) || more $$;
\set expected 'nothing, default'

call test.tell($$ select gd_enqueue('M') $$, $$ select gd_enqueue('M') $$, '') \gset
select is(:'heard'::text, :'expected', 'an enqueue');
call test.tell($$ select count(*) from gd_enqueue_many('[{"fsm": "M"}, {"fsm": "M", "step": "two"}]') $$, $$
    select count(*) from gd_enqueue_many('[{"fsm": "X"}, {"fsm": "M", "step": "two"}]') $$, '') \gset
select is(:'heard'::text, :'expected', 'a batch');
call test.tell($$ select gd_enqueue('M', delay => '1 hour') $$, $$
    select gd_enqueue('M', delay => '1 hour') $$, '') \gset
select is(:'heard'::text, :'expected', 'scheduled work');
call test.tell($$ select gd_enqueue('X') $$, $$ select gd_enqueue('X') $$, '') \gset
select is(:'heard'::text, 'nothing, nothing', 'a machine that no worker declares');
call test.tell($$ select gd_enqueue('M', step => 'three') $$, $$ select gd_enqueue('M', step => 'three') $$, '') \gset
select is(:'heard'::text, 'default, default', 'the step decides');
call test.tell($$ select gd_enqueue('M', fsm_version => 0) $$, $$ select gd_enqueue('M', fsm_version => 0) $$, '') \gset
select is(:'heard'::text, 'default, default', 'the version decides');

call test.claims(:w, null, null) \gset
call test.tell(test.commit(:w, test.of_claim(:'one', 'next', '{"step": "two"}')),
    test.commit(:w, test.of_claim(:'two', 'next', '{"step": "two"}')), '') \gset
select is(:'heard'::text, :'expected', 'next');
call test.claims(:w, null, null) \gset
call test.tell(test.commit(:w, test.of_claim(:'one', 'next', '{"step": "three"}')),
    test.commit(:w, test.of_claim(:'two', 'next', '{"step": "three"}')), '') \gset
select is(:'heard'::text, 'default, default', 'next onto a step of the other worker');
call test.claims(:w, null, null) \gset
call test.tell(test.commit(:w, test.of_claim(:'one', 'retry')), test.commit(:w, test.of_claim(:'two', 'retry')),
    '') \gset
select is(:'heard'::text, :'expected', 'retry');
call test.claims(:w, null, null) \gset
call test.tell(test.commit(:w, test.of_claim(:'one', 'await', '{"names": ["x"], "timeout_ms": 60000}')),
               test.commit(:w, test.of_claim(:'two', 'await', '{"names": ["x"], "timeout_ms": 60000}')), '') \gset
select is(:'heard'::text, :'expected', 'a park with a deadline');
call test.tell(format($$ select gd_signal(%s, 'x') $$, :'one'::jsonb ->> 'id'),
    format($$ select gd_signal(%s, 'x') $$, :'two'::jsonb ->> 'id'), '') \gset
select is(:'heard'::text, :'expected', 'a signal that wakes');
call test.claims(:w, null, null) \gset
call test.tell(test.commit(:w, test.of_claim(:'one', 'schedule_children')),
    test.commit(:w, test.of_claim(:'two', 'schedule_children')), '') \gset
select is(:'heard'::text, :'expected', 'a join of none');
call test.claims(:w, null, null) \gset
call test.tell(format('select gd_release(%s, array[%s]::bigint[])', :w, :'one'::jsonb ->> 'id'),
    format('select gd_release(%s, array[%s]::bigint[])', :w, :'two'::jsonb ->> 'id'), '') \gset
select is(:'heard'::text, :'expected', 'a release');
call test.claims(:w, null, null) \gset
call test.asleep();
select test.query('a', test.commit(:w, test.of_claim(:'one', 'stop'), test.of_claim(:'two', 'stop')));
call test.tell(format('select gd_retry(%s)', :'one'::jsonb ->> 'id'),
    format('select gd_retry(%s)', :'two'::jsonb ->> 'id'), '') \gset
select is(:'heard'::text, :'expected', 'a revival');

-- Parents of machine M whose children are of machine N.
call test.claims(:w, null, null) \gset
select test.query('a', test.commit(:w, test.of_claim(:'one', 'schedule_children', '{"children": [{"fsm": "N"}]}'),
    test.of_claim(:'two', 'schedule_children', '{"children": [{"fsm": "N"}]}')));
select string_agg(test.commit(:w, test.outcome(p.id, p.fence, 'done')), ';' order by p.parent_id) as ends
    from gd_pick(:w, 'default', 2) as p \gset
call test.tell(split_part(:'ends', ';', 1), split_part(:'ends', ';', 2), '') \gset
select is(:'heard'::text, :'expected', 'a last child wakes its parent');

-- Deadlines that maintenance finds.
call test.claims(:w, null, null) \gset
select test.query('a', test.commit(:w, test.of_claim(:'one', 'await', '{"names": ["x"], "timeout_ms": 60000}'),
    test.of_claim(:'two', 'await', '{"names": ["x"], "timeout_ms": 60000}')));
update gendurable.instances set eligible_at = now() where id = (:'one'::jsonb ->> 'id')::bigint;
call test.asleep('foreign');
select test.heard() \g /dev/null
select test.query('a', 'select gd_expire_awaits()');
select is(test.heard(), 'nothing', 'a deadline of the other machine');
update gendurable.instances set eligible_at = now() where id = (:'two'::jsonb ->> 'id')::bigint;
call test.asleep('foreign', 'right');
select test.query('a', 'select gd_expire_awaits()');
select is(test.heard(), 'default', 'and of its own');

-- What a full pick leaves of what fell due.
delete from gendurable.instances;
select gd_enqueue_many((select jsonb_agg('{"fsm": "M"}'::jsonb) from generate_series(1, 4))) \g /dev/null
update gendurable.instances set phase = 'scheduled', eligible_at = now() - interval '1 s';
call test.asleep('foreign');
select test.heard() \g /dev/null
select test.query('a', test.pick(:right));
select is(test.heard(), 'nothing', 'what a pick leaves is told to those that can run it');
update gendurable.instances set phase = 'scheduled' where phase = 'ready';
call test.asleep('foreign', 'runner');
select test.query('a', test.pick(:right));
select is(test.heard(), 'default', 'if they sleep');

-- What a pick has found to be due and cannot run, while its worker finds nothing: the worker that can came for it,
-- found it locked, and sleeps again.
delete from gendurable.instances;
select gd_enqueue('M', step => 'three', delay => '1 hour') \g /dev/null
update gendurable.instances set eligible_at = now() - interval '1 s';
call test.asleep('right', 'foreign');
select test.heard() \g /dev/null
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:right, 'default', 5))) || ', '
    || test.names(test.query('b', test.pick(:foreign, 'default', 5))), 'nothing, nothing',
    'a pick has what fell due, and cannot run it');
select test.exec('a', 'commit');
select is(test.heard(), 'default', 'the worker that can is told');
-- The same of what finds no place.
delete from gendurable.instances;
select gd_set_queue_limit('default', 1), gd_enqueue('M', delay => '1 hour') \g /dev/null
update gendurable.instances set eligible_at = now() - interval '1 s';
call test.asleep('right', 'runner');
select test.heard() \g /dev/null
select test.exec('a', 'begin'), test.query('a', $$ select pg_advisory_xact_lock(26473, hashtext('default')) $$);
select test.exec('b', 'begin');
select is(test.names(test.query('b', test.pick(:w, 'default', 5))), 'nothing',
    'another pick has the places, and this one what fell due');
select test.exec('a', 'commit');
select test.exec('b', 'commit');
select is(test.heard(), 'default', 'it is told of');
select gd_set_queue_limit('default', null) \g /dev/null

-- Offers.
delete from gendurable.instances;
call test.asleep();
select gd_set_concurrency_limit('k', 0), gd_set_rate_limit('r', 1, '1 s', 1) \g /dev/null
select gd_enqueue('M', concurrency_key => 'k:1') \g /dev/null
select gd_set_concurrency_limit('k', 1) \g /dev/null
call test.tell('select gendurable._answer_doorbells(false)', $$
    select gd_enqueue('M', concurrency_key => 'k:1') $$, '') \gset
select is(:'heard'::text, 'nothing, default', 'an offer of a slot, and the doorbell of one that begins to wait');
select gd_set_concurrency_limit('k', 2) \g /dev/null
call test.asleep('foreign', 'right');
select test.heard() \g /dev/null
select test.query('a', 'select gendurable._answer_doorbells(false)');
select is(test.heard(), 'default', 'and the next slot');
call test.asleep();
select gd_enqueue('M', rate_limit => 'r:1') \g /dev/null
call test.asleep('foreign');
select test.heard() \g /dev/null
select test.query('a', 'select gendurable._offer_tokens()');
select is(test.heard(), 'nothing', 'tokens that are offered');
call test.asleep();
select gd_enqueue('M', rate_limit => 'r:2') \g /dev/null
call test.asleep('foreign', 'right');
select test.heard() \g /dev/null
select test.query('a', 'select gendurable._offer_tokens()');
select is(test.heard(), 'default', 'are told to a worker that can run it');

select * from finish();
