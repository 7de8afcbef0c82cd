-- Correlation scopes: a key is occupied exactly in the statuses of its scope, and never taken back from another
-- instance.
begin;
\ir ../prelude.psql
select plan(52);

create function pg_temp.keep(p_fsm text, p_scope text[], p_key text default null) returns bigint language sql as $$
    select pg_temp.put(p_fsm,
        jsonb_build_object('correlation_key', coalesce(p_key, p_fsm), 'correlation_scope', to_jsonb(p_scope)))
$$;
create function pg_temp.holder(p_key text) returns text language sql as $$
    select coalesce((select coalesce(m.fsm, k.instance_id::text) from gendurable.correlation_keys as k left
        join made as m on m.id = k.instance_id where k.key = p_key), '-')
$$;
-- Whether a newcomer of the default scope is a duplicate; it is taken away again.
create function pg_temp.occupied(p_key text) returns boolean language plpgsql as $$
declare
    v_new record;
begin
    select e.* into v_new from gd_enqueue('newcomer', queue => 'z', correlation_key => p_key) as e;
    if not v_new.duplicate then
        delete from gendurable.instances as i where i.id = v_new.id;
        delete from gendurable.correlation_keys as k where k.instance_id = v_new.id;
    end if;
    return v_new.duplicate;
end
$$;

-- Each status by itself, through a whole life: runnable, executing, awaiting_signal, awaiting_children, and how it
-- ends.
create function pg_temp.life(p_scope text[], p_end text) returns text language plpgsql as $$
declare
    v_key  text := coalesce(array_to_string(p_scope, '+'), 'null') || p_end;
    v_life text := '';
begin
    perform pg_temp.keep(v_key, p_scope);
    v_life := v_life || case when pg_temp.occupied(v_key) then 'r' else '-' end;
    perform pg_temp.pick(9);
    v_life := v_life || case when pg_temp.occupied(v_key) then 'e' else '-' end;
    perform pg_temp.commit(v_key, 'await', '{"names": ["x"]}');
    v_life := v_life || case when pg_temp.occupied(v_key) then 's' else '-' end;
    perform gd_signal(pg_temp.id(v_key), 'x');
    v_life := v_life || case when pg_temp.occupied(v_key) then 'r' else '-' end;
    perform pg_temp.pick(9);
    perform pg_temp.commit(v_key, 'schedule_children', '{"children": [{"fsm": "child", "queue": "z"}]}');
    v_life := v_life || case when pg_temp.occupied(v_key) then 'c' else '-' end;
    perform gd_cancel((select max(i.id) from gendurable.instances as i where i.parent_id = pg_temp.id(v_key)));
    v_life := v_life || case when pg_temp.occupied(v_key) then 'r' else '-' end;
    perform pg_temp.pick(9);
    v_life := v_life || case when pg_temp.occupied(v_key) then 'e' else '-' end;
    perform pg_temp.commit(v_key, 'next', '{"step": "n", "continue": true}');
    v_life := v_life || case when pg_temp.occupied(v_key) then 'e' else '-' end;
    perform pg_temp.commit(v_key, 'retry');
    v_life := v_life || case when pg_temp.occupied(v_key) then 'r' else '-' end;
    perform pg_temp.pick(9);
    perform pg_temp.commit(v_key, p_end);
    v_life := v_life || case when pg_temp.occupied(v_key) then p_end else '-' end;
    return v_life;
end
$$;
select is(pg_temp.life(null, 'done'), 'resrcreer-', 'the default is the four live statuses; done frees the key');
select is(pg_temp.life(null, 'stop'), 'resrcreer-', 'failing frees the key');
select is(pg_temp.life('{}', 'done'), '----------', '{} switches uniqueness off');
select is(pg_temp.life('{runnable}', 'done'), 'r--r-r--r-', 'runnable');
select is(pg_temp.life('{executing}', 'done'), '-e----ee--', 'executing');
select is(pg_temp.life('{awaiting_signal}', 'done'), '--s-------', 'awaiting_signal');
select is(pg_temp.life('{awaiting_children}', 'stop'), '----c-----', 'awaiting_children');
select is(pg_temp.life('{done}', 'done'), '---------done', 'done');
select is(pg_temp.life('{done}', 'stop'), '----------', 'a scope with done is not one with failed');
select is(pg_temp.life('{failed}', 'stop'), '---------stop', 'failed');
select is(pg_temp.life('{failed}', 'done'), '----------', 'a scope with failed is not one with done');
select is(pg_temp.life('{runnable,executing,awaiting_signal,awaiting_children,done,failed}', 'done'), 'resrcreerdone',
    'all of them');
select is(pg_temp.life('{runnable,executing,done}', 'done'), 're-r-reerdone', 'some of them');

-- Off.
select pg_temp.keep('off 1', '{}', 'off'), pg_temp.keep('off 2', '{}', 'off') \g /dev/null
select is(pg_temp.id('off 1') <> pg_temp.id('off 2'), true, 'without uniqueness two instances carry one key');
select is(gd_signal('off', 'x'), 'no_target', 'without addressing the key is no target');
select is(gd_cancel('off') || ' ' || (select count(*) from gd_status('off')), '0 0',
    'nor does it stand for an instance in gd_cancel and gd_status');
select is((select correlation_key from gd_status(pg_temp.id('off 1'))), 'off', 'it is still there to be seen');

update gendurable.instances set queue = 'z' where fsm like 'off _';

-- Reserved.
select pg_temp.keep('res', '{runnable,done}') \g /dev/null
select pg_temp.pick(9) \g /dev/null
select is(pg_temp.commit('res', 'done'), 'committed', 'done');
select results_eq($$ select id, duplicate from gd_enqueue('again', correlation_key => 'res') $$, $$
    values (pg_temp.id('res'), true) $$, 'a reserved key answers the finished instance');
select results_eq($$ select ord, id, duplicate from gd_enqueue_many('[{"fsm": "again", "correlation_key": "res"}]') $$,
    $$ values (1, pg_temp.id('res'), true) $$, 'in a batch too');
select is(gd_signal('res', 'x'), 'no_target', 'a finished instance is no target');
select is((select status from gd_status('res')), 'done', 'the key stands for it');
select is(gd_gc('1 hour') || ' ' || pg_temp.holder('res'), '0 res', 'as long as it is kept');
update gendurable.finished set finished_at = now() - interval '2 hours' where id = pg_temp.id('res');
select is(gd_gc('1 hour') || ' ' || pg_temp.holder('res'), '1 -', 'forgotten it reserves nothing');
select is((select duplicate from gd_enqueue('again', correlation_key => 'res', queue => 'z')), false,
    'a newcomer has the key');

-- A newcomer collides only if its own scope contains runnable.
select pg_temp.put('owner', '{"correlation_key": "own"}') \g /dev/null
select is((select duplicate from gd_enqueue('m', correlation_key => 'own', correlation_scope => '{runnable}',
    queue => 'z')), true, 'one that would occupy the key as runnable collides');
select results_eq($$ select fsm,
    result from (select pg_temp.keep(f, s, 'own') as id,
        f as fsm from (values ('late 1', '{executing}'::text[]), ('late 2', '{done}'),
            ('late 3', '{awaiting_signal,failed}')) as v (f, s)) as x
    cross join lateral (select case when x.id = pg_temp.id('owner') then 'duplicate' else 'new' end as result) as y
        order by 1 $$, $$ values ('late 1', 'new'), ('late 2', 'new'), ('late 3', 'new') $$,
        'one that would not does not');
select is(pg_temp.pick(9), 'owner late 1 late 2 late 3', 'all of them run');
select is(pg_temp.holder('own'), 'owner', 'executing the newcomer does not take what is occupied');
select is(pg_temp.commit('late 2', 'done') || ' ' || pg_temp.holder('own'), 'committed owner',
    'nor does it done; and no outcome fails because of it');
select is(pg_temp.commit('late 3', 'await', '{"names": ["x"]}') || ' ' || pg_temp.holder('own'), 'committed owner',
    'nor parked');
select is(pg_temp.commit('owner', 'done') || ' ' || pg_temp.holder('own'), 'committed -', 'the owner frees it');
select is(pg_temp.commit('late 1', 'next', '{"step": "n"}') || ' ' || pg_temp.pick(9) || ' ' || pg_temp.holder('own'),
    'committed late 1 late 1', 'the next one that enters its scope has it');
update gendurable.finished set finished_at = now() - interval '2 hours' where id = pg_temp.id('late 2');
select is(gd_gc('1 hour') || ' ' || pg_temp.holder('own'), '1 late 1',
    'forgetting one that carried a key frees no other one');

-- A key that was left is not taken back while another instance has it.
select pg_temp.keep('leaver', '{runnable}', 'left') \g /dev/null
select is(pg_temp.pick(9) || ' ' || pg_temp.holder('left'), 'leaver -', 'executing it leaves its scope');
select pg_temp.put('taker', '{"correlation_key": "left", "queue": "a"}') \g /dev/null
select is(pg_temp.holder('left'), 'taker', 'another instance takes the key');
select is(gd_release(:me, array[pg_temp.id('leaver')]) || ' ' || pg_temp.holder('left'), '1 taker',
    'given back it does not take it back');
select is(pg_temp.pick(9) || ' ' || pg_temp.commit('leaver', 'retry') || ' ' || pg_temp.holder('left'),
    'leaver committed taker', 'nor in a retry');
select is(pg_temp.pick(9, 'a') || ' ' || pg_temp.commit('taker', 'done') || ' ' || pg_temp.holder('left'),
    'taker committed -', 'freed again');
select is(pg_temp.pick(9) || ' ' || pg_temp.commit('leaver', 'retry') || ' ' || pg_temp.holder('left'),
    'leaver committed leaver', 'it has it when it enters its scope the next time');
-- Every other way back into a scope.
select pg_temp.pick(9) \g /dev/null
update gendurable.workers set lease = '0' where id = :me;
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :me;
select gd_reap() \g /dev/null
select is(pg_temp.holder('left'), 'leaver', 'reaped it is runnable, with its key');
select gd_register('me 2', '{q}') as me2 \gset
select is(pg_temp.pick(9, 'q', :me2) || ' ' || pg_temp.holder('left'), 'late 1 leaver -', 'left');
select is(pg_temp.commit('leaver', 'await', '{"names": ["x"], "timeout_ms": 3600000}') || ' ' || pg_temp.holder('left'),
    'committed -', 'parked');
update gendurable.instances set eligible_at = now() where fsm = 'leaver';
select is(gd_expire_awaits() || ' ' || pg_temp.holder('left'), '1 leaver', 'woken by its deadline it has it');
select is(pg_temp.pick(9, 'q', :me2) || ' ' || pg_temp.commit('leaver', 'schedule_children', '{}') || ' '
    || pg_temp.holder('left'), 'leaver committed leaver', 'a join of none');
select is(pg_temp.pick(9, 'q', :me2) || ' ' || gd_cancel(pg_temp.id('leaver')) || ' ' || pg_temp.holder('left'),
    'leaver 1 -', 'cancelled it has nothing');

-- Of two that finish with {done} the first keeps it.
select pg_temp.keep('first', '{done}', 'end'), pg_temp.keep('second', '{done}', 'end'),
    pg_temp.keep('third', '{done,failed}', 'end') \g /dev/null
select pg_temp.pick(9, 'q', :me2) \g /dev/null
select is(pg_temp.commit('second', 'done') || ' ' || pg_temp.holder('end'), 'committed second',
    'the first to finish has it');
select is(pg_temp.commit('first', 'done') || ' ' || pg_temp.commit('third', 'stop') || ' ' || pg_temp.holder('end'),
    'committed committed second', 'and keeps it');
select is((select id from gd_status('end')), pg_temp.id('second'), 'the key stands for it');
select pg_temp.keep('x1', '{done}', 'twin'), pg_temp.keep('x2', '{done}', 'twin'),
    pg_temp.keep('y2', '{done}', 'twin a'), pg_temp.keep('y1', '{done}', 'twin a') \g /dev/null
select pg_temp.pick(9, 'q', :me2) \g /dev/null
select is(pg_temp.commit_all('{x1,y1,x2,y2}', 'done'), 'committed committed committed committed',
    'two of a key in one batch both finish');
select is((pg_temp.holder('twin') in ('x1', 'x2')) and pg_temp.holder('twin a') in ('y1', 'y2'), true,
    'and one of them has the key');

-- In batches.
select results_eq($$ select ord,
    duplicate from gd_enqueue_many('[{"fsm": "m", "correlation_key": "b", "correlation_scope": ["done"], "queue": "z"},
{"fsm": "m", "correlation_key": "b", "queue": "z"},
{"fsm": "m", "correlation_key": "b", "correlation_scope": ["runnable"], "queue": "z"},
    {"fsm": "m", "correlation_key": "b", "correlation_scope": [], "queue": "z"},
    {"fsm": "m", "correlation_key": "b", "correlation_scope": ["executing"], "queue": "z"}]') order by ord $$,
    $$ values (1, false), (2, false), (3, true), (4, false), (5, false) $$,
    'within a batch, too, only those collide that would occupy the key as runnable');

select * from finish();
rollback;
