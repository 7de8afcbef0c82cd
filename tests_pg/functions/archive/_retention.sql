-- The setting gendurable.retention.
begin;
select plan(10);

create function pg_temp.set(p_value text) returns void language plpgsql as $$
begin
    execute format('alter database %I set gendurable.retention = %L', current_database(), p_value);
end
$$;
select is(gendurable._retention(), '1 day'::interval, 'one day, where nothing is set');
select pg_temp.set('90 minutes') \g /dev/null
select is(gendurable._retention(), '90 minutes'::interval, 'the setting of the database, where there is one, at once');
set local gendurable.retention = '0';
select is(gendurable._retention(), '90 minutes'::interval, 'a setting of the session is nobody''s business');
select format('alter role %I in database %I set gendurable.retention = %L', current_user, current_database(), '1 minute') \gexec
select is(gendurable._retention(), '90 minutes'::interval, 'nor is one of a role');
select pg_temp.set('') \g /dev/null
select is(gendurable._retention(), '1 day'::interval, 'one day, where it is empty');
select format('alter database %I reset gendurable.retention', current_database()) \gexec
select is(gendurable._retention(), '1 day'::interval, 'or was reset');
select pg_temp.set('0') \g /dev/null
select is(gendurable._retention(), '0'::interval, 'zero is allowed');
set local client_min_messages = error;
select pg_temp.set('-1 s') \g /dev/null
select is(gendurable._retention(), null, 'a negative one is none');
select pg_temp.set('long') \g /dev/null
select is(gendurable._retention(), null, 'nor is what is no interval');
select pg_temp.set('7000 years') \g /dev/null
select is(gendurable._retention(), null, 'nor one from before the calendar');

select * from finish();
rollback;
