-- gd_horizon: what keeps VACUUM from removing dead rows. What another session does is seen by this file from a session
-- of its own.
begin;
set local client_min_messages = error;
select plan(8);

select test.connect('holder'), test.connect('looker') \gset
select (test.query('holder', 'select pg_backend_pid() as pid') #>> '{0,pid}')::int as holder \gset
create function pg_temp.held(pid int) returns jsonb language sql as $$
    select test.query('looker',
        format('select kind, name, age >= 0 as aged, since <= clock_timestamp() as began, detail from gd_horizon() '
            'where pid = %s', held.pid)) $$;

select is(pg_temp.held(:holder), '[]', 'a session without a transaction holds nothing');
select test.exec('holder', 'begin isolation level repeatable read') as r \gset
select test.query('holder', 'select count(*) from gendurable.instances') as r \gset
select is(pg_temp.held(:holder) #> '{0,kind}', '"session"', 'a snapshot that is held');
select is(pg_temp.held(:holder) #> '{0,aged}', 'true', 'with its age');
select is(pg_temp.held(:holder) #> '{0,began}', 'true', 'with its beginning');
select alike(pg_temp.held(:holder) #>> '{0,name}', current_user || '%', 'with its role');
select alike(pg_temp.held(:holder) #>> '{0,detail}', 'idle in its transaction since 20%', 'and with what it does');
select test.exec('holder', 'rollback') as r \gset
select is(pg_temp.held(:holder), '[]', 'no longer than its transaction');
select is(test.query('looker', 'select pid from gd_horizon() where pid = pg_backend_pid()'), '[]',
    'not the caller itself');

select * from finish();
rollback;
