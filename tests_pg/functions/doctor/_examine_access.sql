-- The server, the roles and the privileges.
begin;
select plan(4);

select results_eq('select topic, status from gendurable._examine_access()', $$
    values ('server', 'ok'), ('roles', 'ok'), ('privileges', 'ok'), ('connections', 'ok') $$, 'all is well');
select ok((select bool_and((status = 'ok') = (remedy is null)) from gendurable._examine_access()),
    'what is well has no remedy');
grant execute on function gd_status(bigint) to public;
select results_eq($$ select status, detail, remedy from gendurable._examine_access() where topic = 'privileges' $$,
    $$ values ('problem', 'Every role may call public.gd_status(bigint), so they are closed.',
        'As the owner: gendurable-py install --repair-privileges.') $$, 'a function that is open');
alter role gd_worker rename to gd_was_worker;
select results_eq($$ select status, detail from gendurable._examine_access() where topic = 'roles' $$, $$
    values ('warning', 'Missing: gd_worker.') $$, 'a role that is missing');

select * from finish();
rollback;
